"""Waits until a reviewer has answered by a tag on a version in MLflow: costs no worker, and survives a restart.

It asks MLflow every few seconds for one version, until there is an answer, something to correct, or the time is over. That is
an absolute time, so starting again does not make it longer.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from include.decisions.gate.review import REVIEWED, PendingReview, answer_in

_SECONDS = (2, 5)
_log = logging.getLogger(__name__)


class RegistryReviewTrigger(BaseTrigger):
    """Fires once for a version's review; `asked` holds version, evidence, needs_reason, reviewers and until.

    `every` are the seconds between two looks.
    """

    def __init__(self, *, model_name: str, asked: dict[str, Any], every: float = 5.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own has no types
        self.model_name, self.details, self.every = model_name, asked, every
        self.version, self.until = str(asked["version"]), str(asked["until"])
        self.asked = PendingReview(asked["evidence"], asked["needs_reason"], tuple(asked["reviewers"]))

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Where this class is, and what it was made with."""
        return (
            "registry_review_trigger.RegistryReviewTrigger",
            {"model_name": self.model_name, "asked": self.details, "every": self.every},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event: `expired` says that the time is over."""
        until = datetime.fromisoformat(self.until)
        while datetime.now(UTC) < until:
            if await asyncio.to_thread(self.has_news):
                yield event(expired=False)
                return
            await asyncio.sleep(self.every)
        yield event(expired=True)

    def has_news(self) -> bool:
        """Look once: would the step decide, or have to report to the reviewer what is wrong and is not in the tag yet?"""
        tags = self._tags()
        answer = answer_in(tags, self.asked)
        return bool(answer) and answer != tags.get(REVIEWED)

    def _tags(self) -> dict[str, str]:
        """The tags of the version; none while MLflow is down: that is not a reviewer's answer."""
        import requests

        from include.settings import Settings

        address = f"{Settings.read(os.environ).mlflow_tracking_uri}/api/2.0/mlflow/model-versions/get"
        try:
            answer = requests.get(address, {"name": self.model_name, "version": self.version}, timeout=_SECONDS)
            answer.raise_for_status()
            return {tag["key"]: tag.get("value", "") for tag in answer.json()["model_version"].get("tags", [])}
        except (requests.RequestException, ValueError, LookupError, TypeError, AttributeError) as error:
            _log.warning("MLflow did not answer about %s version %s: %s", self.model_name, self.version, error)
            return {}


def event(*, expired: bool) -> TriggerEvent:
    """How the wait ends: because MLflow holds something new, or because the time is over."""
    return TriggerEvent({"expired": expired})  # type: ignore[no-untyped-call]  # Airflow's own has no types
