"""A message when a model's file cannot be used: once for each reason, from the process that records import errors."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

_FILE = "broken_models.py"
_log = logging.getLogger(__name__)
# What this process has reported: Airflow repeats an import error whenever it reads the file, which is twice a minute.
_reported: set[tuple[str, str]] = set()


@hookimpl
def on_new_dag_import_error(filename: str, stacktrace: str) -> None:
    """A first model is broken."""
    report(filename, stacktrace)


@hookimpl
def on_existing_dag_import_error(filename: str, stacktrace: str) -> None:
    """Another one, or the same one for another reason."""
    report(filename, stacktrace)


def report(filename: str, stacktrace: str) -> None:
    """Send what is new in the import error of `dags/broken_models.py`; it raises nothing."""
    if Path(filename).name != _FILE:
        return
    from include.alerts.announcements import broken_model_message
    from include.settings import Settings
    from parsed_models import faults_in
    from slack_delivery import post

    try:
        broken = set(faults_in(stacktrace).items())
        for name, why in sorted(broken - _reported):
            post(broken_model_message(name, why, Settings.read(os.environ).airflow_url))
        _reported.clear()
        _reported.update(broken)
    except Exception:  # noqa: BLE001 - what reads DAG files for all models goes on without this message
        _log.exception("the message about broken models could not be written")


_LISTENERS: list[Any] = [sys.modules[__name__]]


class BrokenModelAlerts(AirflowPlugin):
    """What Airflow reads from this file."""

    name = "broken_model_alerts"
    listeners = _LISTENERS
