"""Puts what a step has to show on the run's page in Prefect. What cannot be put there is logged, and fails no task."""

import logging
from collections.abc import Iterable

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from flows.prefect_tasks.step_process import Shown

_log = logging.getLogger("include.artifacts")


def publish(model_name: str, shown: Iterable[Shown]) -> None:
    """Show all of it; the newest of a key is also in Prefect's list of artifacts, below the model's name."""
    for one in shown:
        try:
            _publish(f"{model_name}-{one.what}".replace("_", "-"), one)
        except Exception:  # noqa: BLE001 - the step is done, whatever can be shown of it
            _log.exception("%s of %s could not be shown", one.what, model_name)


def _publish(key: str, shown: Shown) -> None:
    if shown.kind == "markdown":
        create_markdown_artifact(shown.content, key=key, description=shown.description)
    elif shown.kind == "table":
        create_table_artifact(shown.content, key=key, description=shown.description)
    else:
        create_link_artifact(shown.content, link_text=shown.description, key=key, description=shown.description)
