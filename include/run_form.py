"""The forms by which a person starts a run: the same fields and checks under every orchestrator."""

from collections.abc import Sequence
from dataclasses import dataclass

from include.holds import SNOOZABLE
from include.request import NOTHING, WHOLE_POOL

# From the year 1900, as `include/request.py` has it.
_ISO_8601 = r"^(19|[2-9]\d)\d\d-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$"


@dataclass(frozen=True)
class FormField:
    """One field: a box to tick where the default is a boolean, else text; None as default means that it may stay empty.

    `choices` are the accepted values, each with what it is shown as; none means free text.
    """

    name: str
    title: str
    description: str
    default: str | bool | None = None
    pattern: str | None = None
    longest: int | None = None
    choices: tuple[tuple[str, str], ...] = ()


Form = tuple[FormField, ...]


def common(force: str) -> Form:
    """Three fields with defaults that do the usual thing; `force` says in a sentence what forcing means for this run."""
    return (
        FormField(
            "as_of",
            "As of",
            "Do what would have been done at this time (UTC). Empty means now. Later data and labels are unseen.",
            pattern=_ISO_8601,
        ),
        FormField(
            "reason",
            "Reason",
            "Why you start this by hand. It is kept with what comes of it: on version and card, and in the log.",
            longest=500,
        ),
        FormField("force", "Force", force, default=False),
    )


def monitor_form() -> Form:
    """With six more fields.

    A feed's number of rows has changed for good, and a person says so before it shows by itself; for a holiday or an incident
    promotions and retrainings of this model are held back for a time; one kind of message is; a wrong delivery is withdrawn.
    """
    return (
        *common("Request a retraining, whatever is found."),
        FormField(
            "normal_now",
            "This is normal now",
            "The newest period's number of rows is how it will be: do not stop for it, and compare later periods "
            "with it. Say why above; who said so is kept with the period. Any other sign of a broken feed still stops.",
            default=False,
        ),
        FormField(
            "freeze_until",
            "Freeze until",
            "Train and promote nothing until this time (UTC). Monitors go on, a rollback stays possible. Say why above; who "
            "and why are kept in the ledger and shown on the page Models.",
            pattern=_ISO_8601,
        ),
        FormField("unfreeze", "Unfreeze", "End this model's freeze before its time. Say why above.", default=False),
        FormField(
            "snooze",
            "Snooze",
            "Send no messages of this kind about this model until the time below. The page Models goes on showing it.",
            default=NOTHING,
            choices=((NOTHING, NOTHING), *((what, what) for what in SNOOZABLE)),
        ),
        FormField("snooze_until", "Snooze until", "When messages are sent again (UTC).", pattern=_ISO_8601),
        FormField(
            "withdraw",
            "Withdraw a delivery",
            "The key of a file in landing, such as churn/features/2026-05-04.csv: its rows count no more from this run on. "
            "Say why above; the ledger names the versions that have seen them.",
            longest=1000,
        ),
    )


def retrain_form(candidates: Sequence[str]) -> Form:
    """With two more: to see what one of the pool is worth, and to answer for what the gate cannot check."""
    return (
        *common("Train again, although exactly this training was done before."),
        FormField(
            "candidate",
            "Candidate",
            "One that is named alone meets the champion, whatever the others are worth.",
            default=WHOLE_POOL,
            choices=((WHOLE_POOL, WHOLE_POOL), *((name, name) for name in candidates)),
        ),
        FormField(
            "replace_unscorable_champion",
            "Replace a champion that cannot be scored",
            "Judge the challenger by the success criteria alone if the champion fails to answer. Say why above; "
            "who and why are kept on the version and on its card.",
            default=False,
        ),
    )


def replay_form() -> Form:
    """The fields of a replay."""
    return common("Train every historical model again, although its scores are kept.")


def rollback_form() -> Form:
    """The fields of a rollback; the reason has no usable default, so the button waits for one."""
    return (
        FormField(
            "target",
            "Target",
            "The version to go back to. Empty means the one that the champion replaced.",
            pattern=r"^[0-9]{1,9}$",
        ),
        FormField(
            "reason",
            "Reason (required)",
            "Why. It is kept in the ledger and on both versions.",
            default="",
            longest=500,
        ),
        FormField("dry_run", "Dry run", "Load and query the target, report the result, move nothing.", default=False),
        FormField("override", "Override", "Allow a target that was itself rolled back from before.", default=False),
        FormField(
            "undo",
            "Undo the newest rollback",
            "Restore the version that the newest rollback went back from, and block none. Leave the target empty.",
            default=False,
        ),
    )
