"""The form that a person fills in to start a run by hand."""

from airflow.sdk import Param


def form(force: str) -> dict[str, Param]:
    """Three fields with defaults that do the usual thing; `force` says in a sentence what forcing means for this DAG."""
    return {
        "as_of": Param(
            None,
            type=["null", "string"],
            format="date-time",
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
