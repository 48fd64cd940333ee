"""What every task gets: retries where trying again can help, a result that outlives its process, an alert when it fails."""

from datetime import timedelta
from typing import Any

from prefect.cache_policies import INPUTS, RUN_ID

from flows.prefect_tasks.messages import report_failed_task
from include.errors import ProvingGroundError

RETRIES, PAUSE = 2, 10.0
# Seconds in which a step says nothing.
LONGEST = timedelta(hours=6).total_seconds()


def worth_another_try(task: Any, task_run: Any, state: Any) -> bool:
    """An outage is; what is wrong with the data or the decision stays wrong; what is unknown is tried again."""
    try:
        state.result()
    except ProvingGroundError as error:
        return error.transient
    except Exception:  # noqa: BLE001 - whatever it was, every step is safe to run twice
        return True
    return True


TASK_OPTIONS: dict[str, Any] = {
    "retries": RETRIES,
    "retry_delay_seconds": PAUSE,
    "retry_condition_fn": worth_another_try,
    "persist_result": True,
    "result_serializer": "json",
    # In the same run, a step that is done is not done again: after a wait for a person, a retry, a killed process.
    "cache_policy": RUN_ID + INPUTS - "run",
    "on_failure": [report_failed_task],
}
