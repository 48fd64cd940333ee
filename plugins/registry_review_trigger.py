"""Waits until a reviewer has answered by a tag on a version in MLflow: costs no worker, and survives a restart.

It asks MLflow every few seconds for one version, until there is an answer, something to correct, or the time is over. That is
an absolute time, so starting again does not make it longer.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from include.decisions.gate.review import PendingReview


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
        """Look once."""
        from include.review_watch import has_news

        return has_news(self.model_name, self.version, self.asked)


def event(*, expired: bool) -> TriggerEvent:
    """How the wait ends: because MLflow holds something new, or because the time is over."""
    return TriggerEvent({"expired": expired})  # type: ignore[no-untyped-call]  # Airflow's own has no types
