"""Plays history into the running stack: deliver a week, announce it, and wait for what the scheduler makes of it."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from demo.upstream import FLIGHTS, SEARCHES, TRAFFIC, WEEK, Stream, Upstream
from deploy.local.orchestrator import BUSY, Orchestrator
from include.adapters.lake import Lake
from include.adapters.landing import Landing
from include.adapters.object_store import ObjectStore
from include.statuses import MonitorStatus, RetrainStatus


@dataclass(frozen=True)
class Played:
    """A stream, the first week that is played, and at most how many are.

    A person asks for `candidate` in the week of that number, from 0: it alone meets the champion.
    """

    stream: Stream
    first: datetime
    at_most: int | None = None
    asked_in: int | None = None
    candidate: str = ""

    def starts(self, weeks: int) -> list[datetime]:
        """The weeks that are played, of so many."""
        return [self.first + WEEK * week for week in range(min(weeks, self.at_most or weeks))]


FIRST = datetime(2013, 3, 11, tzinfo=UTC)
# Searches take longer to learn from: a few weeks show a word model refused for noise, and the robust one kept fresh.
PLAYED = (
    Played(FLIGHTS, FIRST),
    Played(TRAFFIC, FIRST),
    Played(SEARCHES, datetime(2011, 3, 7, tzinfo=UTC), at_most=4, asked_in=1, candidate="words"),
)
REASON = "it is simpler, and good enough on clean queries"
_PATIENCE = 600


S = TypeVar("S", MonitorStatus, RetrainStatus)


@dataclass
class Row:
    """One line of the table: one week of one model, filled in while the scheduler works.

    `candidate` is the one that a person asks for in this week, if any.
    """

    model: str
    start: datetime
    candidate: str = ""
    now: str = "waiting"
    damage: dict[str, int] = field(default_factory=dict)
    failed: str = ""
    monitor: MonitorStatus | None = None
    retrain: RetrainStatus | None = None

    @property
    def as_of(self) -> datetime:
        """The end of the week: when its delivery is complete."""
        return self.start + WEEK

    def summary(self) -> dict[str, Any]:
        """What `demo/summary.json` holds about the week."""
        return (
            _UNKNOWN
            | {
                "start": f"{self.start:%Y-%m-%d}",
                "damaged_on_purpose": sum(self.damage.values()),
                "triage": "failed" if self.failed else None,
                "reason": self.failed or None,
            }
            | _of_monitor(self.monitor)
            | _of_retrain(self.retrain)
        )


_UNKNOWN: dict[str, Any] = dict.fromkeys(
    (
        "start",
        "rows",
        "quarantined",
        "damaged_on_purpose",
        "drifted",
        "columns",
        "quality",
        "quality_of",
        "maturity",
        "triage",
        "reason",
        "verdict",
        "verdict_reason",
        "champion",
    )
) | {"drifted": 0}


def _of_monitor(status: MonitorStatus | None) -> dict[str, Any]:
    if status is None:
        return {}
    quality, champion = status.quality, status.scored.champion
    return {
        "rows": status.checked.rows,
        "quarantined": status.checked.quarantined,
        "drifted": len(status.drift.drifted),
        "columns": status.drift.columns,
        "quality": quality.value,
        "quality_of": f"{quality.period:%Y-%m-%d}" if quality.period else None,
        "maturity": quality.newest_maturity,
        "triage": status.finding.action,
        "reason": status.finding.reason,
        "champion": champion.version if champion else None,
    }


def _of_retrain(status: RetrainStatus | None) -> dict[str, Any]:
    if status is None:
        return {}
    verdict, champion = status.verdict, status.promotion.champion_version
    reason = next(iter(verdict.reasons), None)
    return {"verdict": verdict.verdict, "verdict_reason": reason} | ({"champion": champion} if champion else {})


class Player:
    """Plays `weeks` weeks of every stream; `rows` is filled in as it goes."""

    def __init__(self, api: Orchestrator, landing: ObjectStore, lake: ObjectStore, weeks: int) -> None:
        self._api = api
        self._landing = landing
        self._lake = Lake(lake)
        self._upstreams = {played.stream.name: Upstream(landing, played.stream) for played in PLAYED}
        # Week by week: all models of a week, as they would come.
        self._weeks = [
            [
                Row(played.stream.name, starts[week], played.candidate if week == played.asked_in else "")
                for played in PLAYED
                if week < len(starts := played.starts(weeks))
            ]
            for week in range(weeks)
        ]
        self.rows = [row for of_the_week in self._weeks for row in of_the_week]

    def play(self) -> None:
        """Deliver week after week; all models of a week at once."""
        for played in PLAYED:
            name = played.stream.name
            if not any("backlog" in file.key for file in Landing(self._landing).files(name)):
                self._upstreams[name].backlog(played.first)
        for of_the_week in self._weeks:
            with ThreadPoolExecutor(len(of_the_week)) as pool:
                list(pool.map(self._play_row, of_the_week))

    def _play_row(self, row: Row) -> None:
        row.now, row.damage = "delivering", self._upstreams[row.model].damage_in(row.start)
        row.monitor = self._status(row, MonitorStatus)
        if not row.monitor:
            self._upstreams[row.model].week(row.start)
            since = self._api.announce_delivery(row.model, row.as_of.isoformat())
            self._wait(row, "monitor", since)
            row.monitor = self._status(row, MonitorStatus)
        if row.monitor and row.monitor.finding.action == "retrain":
            row.retrain = self._status(row, RetrainStatus)
            if not row.retrain:
                self._wait(row, "retrain", self._api.seen(f"{row.model}.monitor", row.monitor.run_id).started)
                row.retrain = self._status(row, RetrainStatus)
        elif row.candidate and not row.failed:
            self._ask_for(row)
        row.now = "failed" if row.failed else "done"

    def _ask_for(self, row: Row) -> None:
        """What a person does in the form of `<model>.retrain`: one candidate alone is to meet the champion."""
        row.retrain = self._status(row, RetrainStatus)
        if not row.retrain:
            form = {"candidate": row.candidate, "as_of": row.as_of.isoformat(), "reason": REASON}
            self._wait(row, "retrain", self._api.start(f"{row.model}.retrain", form))
            row.retrain = self._status(row, RetrainStatus)

    def _wait(self, row: Row, stage: str, since: str) -> None:
        pipeline = f"{row.model}.{stage}"
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            runs = self._api.runs_since(pipeline, since)
            if runs:
                tasks = self._api.tasks(pipeline, runs[0].id)
                busy = [name for name, state in tasks.items() if state in BUSY]
                row.now = f"{stage}: {', '.join(busy)}" if busy else stage
                if runs[0].state != "running":
                    row.failed = "" if runs[0].state == "success" else f"{pipeline} failed in {_failed(tasks)}"
                    return
            time.sleep(0.7)
        raise self._api.errors(f"{pipeline} has not finished after {_PATIENCE} s. Look at it in the orchestrator's page.")

    def _status(self, row: Row, kind: type[S]) -> S | None:
        return self._lake.status(row.model, kind, row.as_of)


def _failed(tasks: dict[str, str]) -> str:
    return ", ".join(name for name, state in tasks.items() if state == "failed")
