"""Has a reviewer answered in MLflow? Light, because a triggerer looks every few seconds."""

import logging
import os
from typing import Any

import requests

from include.decisions.gate.review import REVIEWED, PendingReview, answer_in
from include.settings import Settings

_SECONDS = (2, 5)
_log = logging.getLogger(__name__)


def has_news(model_name: str, version: str, asked: PendingReview) -> bool:
    """Look once: would the step decide, or have to report to the reviewer what is wrong and is not in the tag yet?"""
    tags = _tags(model_name, version)
    answer = answer_in(tags, asked)
    return bool(answer) and answer != tags.get(REVIEWED)


def _tags(model_name: str, version: str) -> dict[str, str]:
    """The tags of the version; none while MLflow is down: that is not a reviewer's answer."""
    address = f"{Settings.read(os.environ).mlflow_tracking_uri}/api/2.0/mlflow/model-versions/get"
    try:
        answer = requests.get(address, {"name": model_name, "version": version}, timeout=_SECONDS)
        answer.raise_for_status()
        listed: list[dict[str, Any]] = answer.json()["model_version"].get("tags", [])
        return {tag["key"]: tag.get("value", "") for tag in listed}
    except (requests.RequestException, ValueError, LookupError, TypeError, AttributeError) as error:
        _log.warning("MLflow did not answer about %s version %s: %s", model_name, version, error)
        return {}
