"""The form that a person fills in to start a run by hand."""

from collections.abc import Sequence

from airflow.sdk import Param

# From the year 1900, as `include/request.py` has it.
_ISO_8601 = r"^(19|[2-9]\d)\d\d-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$"


def override() -> dict[str, Param]:
    """One more field, for a champion that can no longer be scored: a person answers for what the gate cannot check."""
    return {
        "replace_unscorable_champion": Param(
            False,
            type="boolean",
            title="Replace a champion that cannot be scored",
            description="Judge the challenger by the success criteria alone if the champion fails to answer. Say why above; "
            "who and why are kept on the version and on its card.",
        )
    }


def only_candidate(names: Sequence[str]) -> dict[str, Param]:
    """One more field, for a person who wants to see what one of the pool is worth."""
    return {
        "candidate": Param(
            "",
            type="string",
            enum=["", *names],
            values_display={"": "the best of all"},
            title="Candidate",
            description="One that is named alone meets the champion, whatever the others are worth.",
        )
    }


def normal_now() -> dict[str, Param]:
    """One more field, for a feed whose number of rows has changed for good: a person says so before it shows by itself."""
    return {
        "normal_now": Param(
            False,
            type="boolean",
            title="This is normal now",
            description="The newest period's number of rows is how it will be: do not stop for it, and compare later periods "
            "with it. Say why above; who said so is kept with the period. Any other sign of a broken feed still stops.",
        )
    }


def freeze_fields() -> dict[str, Param]:
    """Two more fields, for a holiday or an incident: promotions and retrainings of this model are held back for a time."""
    return {
        "freeze_until": Param(
            None,
            type=["null", "string"],
            format="date-time",
            pattern=_ISO_8601,
            title="Freeze until",
            description="Train and promote nothing until this time (UTC). Monitors go on, a rollback stays possible. Say why "
            "above; who and why are kept in the ledger and shown on the page Models.",
        ),
        "unfreeze": Param(
            False, type="boolean", title="Unfreeze", description="End this model's freeze before its time. Say why above."
        ),
    }


def rollback_form() -> dict[str, Param]:
    """The fields of a rollback; the reason has no usable default, so the button waits for one."""
    return {
        "target": Param(
            None,
            type=["null", "string"],
            pattern=r"^[0-9]{1,9}$",
            title="Target",
            description="The version to go back to. Empty means the one that the champion replaced.",
        ),
        "reason": Param(
            "",
            type="string",
            maxLength=500,
            title="Reason (required)",
            description="Why. It is kept in the ledger and on both versions.",
        ),
        "dry_run": Param(
            False, type="boolean", title="Dry run", description="Load and query the target, report the result, move nothing."
        ),
        "override": Param(
            False,
            type="boolean",
            title="Override",
            description="Allow a target that was itself rolled back from before.",
        ),
        "undo": Param(
            False,
            type="boolean",
            title="Undo the newest rollback",
            description="Restore the version that the newest rollback went back from, and block none. Leave the target empty.",
        ),
    }


def form(force: str) -> dict[str, Param]:
    """Three fields with defaults that do the usual thing; `force` says in a sentence what forcing means for this DAG."""
    return {
        "as_of": Param(
            None,
            type=["null", "string"],
            format="date-time",
            # Airflow looks at a format only to draw the field; what is refused is what does not match.
            pattern=_ISO_8601,
            title="As of",
            description="Do what would have been done at this time (UTC). Empty means now. Later data and labels are unseen.",
        ),
        "reason": Param(
            None,
            type=["null", "string"],
            maxLength=500,
            title="Reason",
            description="Why you start this by hand. It is kept with what comes of it: on version and card, and in the log.",
        ),
        "force": Param(False, type="boolean", title="Force", description=force),
    }
