"""`python -m include.cli`: the tools of an engineer. Each command is the module of its name."""

import click

from include.command_line import Commands


@click.group(
    cls=Commands,
    package="include.cli",
    lazy={
        "new-model": "Write the file of a new model.",
        "check-model": "Compare a model with data, train it and ask the gate.",
        "landing": "Put files into landing, list, remove, withdraw them.",
        "source": "Show how far a model's source was pulled, or pull it anew.",
        "erase": "Erase the rows of some keys, for good.",
        "ledger": "Show what was in production when, and who decided it.",
        "evidence": "Write what a reviewer of model risk asks: a page and JSON.",
        "freeze": "Hold back promotions and retrainings for a time.",
        "unfreeze": "End a freeze before its time.",
        "snooze": "Hold back one kind of message for a time.",
        "unsnooze": "Send messages again that were snoozed.",
        "quarantine": "Show which rows broke the contract, and why.",
        "prune": "Show or remove what is no longer needed.",
        "reregister": "Bring a version over an upgrade: old libraries load it, new ones save it.",
        "row": "Follow one row from its delivery to its answer.",
        "replay": "Find out how often a model should be retrained.",
        "slack-preview": "Show every message that Slack may be sent.",
        "settings-page": "Write docs/settings.md.",
        "reference-page": "Write docs/reference.md.",
        "audit": "Look up known vulnerabilities of the lock.",
        "sbom": "Write what the lock holds as CycloneDX.",
    },
)
def cli() -> None:
    """The tools of an engineer.

    A tool works with the stack that runs here, or else with the one that the environment and `.env` name.

    \b
    Example:
      python -m include.cli check-model traffic_volume sample.csv
    """


if __name__ == "__main__":
    cli(prog_name="python -m include.cli")
