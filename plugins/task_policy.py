"""What every task gets: an owner, retries where trying again can help, and an alert when it fails."""

from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from slack_alerts import report_failure

_OURS = "include.errors."
_WORTH_ANOTHER_TRY = ("SourceUnreachable", "StoreUnreachable", "RegistryUnreachable", "ClusterUnreachable", "Locked")


def task_defaults(owner: str) -> dict[str, Any]:
    """Default arguments for the tasks of a DAG.

    An outage is tried again; what is wrong with the data or the decision stays wrong, so it fails at once. Anything unknown (a
    killed worker, say) is tried again: every step is safe to run twice.
    """
    return {
        "owner": owner,
        "retries": 2,
        "retry_delay": timedelta(seconds=10),
        "retry_policy": ExceptionRetryPolicy(
            rules=[
                RetryRule(
                    exception=[f"{_OURS}{name}" for name in _WORTH_ANOTHER_TRY],
                    action=RetryAction.RETRY,
                ),
                RetryRule(exception=f"{_OURS}ProvingGroundError", action=RetryAction.FAIL),
            ]
        ),
        "execution_timeout": timedelta(hours=6),
        "on_failure_callback": report_failure,
    }
