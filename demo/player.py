"""Plays history into the running stack: deliver a week, announce it, and wait for what the scheduler makes of it."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from demo.upstream import FLIGHTS, TRAFFIC, WEEK, Upstream
from deploy.local.airflow_api import AirflowApi, AirflowError
from include.adapters.lake import Lake
from include.adapters.landing import Landing
from include.adapters.object_store import ObjectStore

FIRST = datetime(2013, 3, 11, tzinfo=UTC)
STREAMS = (FLIGHTS, TRAFFIC)
_PATIENCE = 600
_DONE = ("success", "failed")


@dataclass
class Row:
    """One line of the table: one week of one model, filled in while the scheduler works."""

    model: str
    start: datetime
    now: str = "waiting"
    damage: dict[str, int] = field(default_factory=dict)
    failed: str = ""
    monitor: dict[str, Any] = field(default_factory=dict)
    retrain: dict[str, Any] = field(default_factory=dict)

    @property
    def as_of(self) -> datetime:
        """The end of the week: when its delivery is complete."""
        return self.start + WEEK

    def summary(self) -> dict[str, Any]:
        """What `demo/summary.json` says about the week."""
        checked, drift, quality = (self.monitor.get(part, {}) for part in ("checked", "drift", "quality"))
        finding, verdict, promotion = (
            self.monitor.get("finding", {}),
            self.retrain.get("verdict", {}),
            self.retrain.get("promotion", {}),
        )
        scored = (self.monitor.get("scored") or {}).get("champion") or {}
        return {
            "start": f"{self.start:%Y-%m-%d}",
            "rows": checked.get("rows"),
            "quarantined": checked.get("quarantined"),
            "damaged_on_purpose": sum(self.damage.values()),
            "drifted": len(drift.get("drifted", [])),
            "columns": drift.get("columns"),
            "quality": quality.get("value"),
            "quality_of": (quality.get("period") or "")[:10] or None,
            "maturity": quality.get("newest_maturity"),
            "triage": finding.get("action") or ("failed" if self.failed else None),
            "reason": finding.get("reason") or self.failed or None,
            "verdict": verdict.get("verdict"),
            "verdict_reason": (verdict.get("reasons") or [None])[0],
            "champion": promotion.get("champion_version") or scored.get("version"),
        }


class Player:
    """Plays `weeks` weeks of every stream; `rows` is filled in as it goes."""

    def __init__(self, api: AirflowApi, landing: ObjectStore, lake: ObjectStore, weeks: int) -> None:
        self._api = api
        self._landing = landing
        self._lake = Lake(lake)
        self._upstreams = {stream.name: Upstream(landing, stream) for stream in STREAMS}
        self.rows = [Row(stream.name, FIRST + WEEK * week) for week in range(weeks) for stream in STREAMS]

    def play(self) -> None:
        """Deliver week after week; all models of a week at once, as they would come."""
        known = {file.key for stream in STREAMS for file in Landing(self._landing).files(stream.name)}
        for stream in STREAMS:
            if not any("backlog" in key for key in known if key.startswith(stream.name)):
                self._upstreams[stream.name].backlog(FIRST)
        for start in dict.fromkeys(row.start for row in self.rows):
            of_the_week = [row for row in self.rows if row.start == start]
            with ThreadPoolExecutor(len(of_the_week)) as pool:
                list(pool.map(self._play_row, of_the_week))

    def _play_row(self, row: Row) -> None:
        row.now, row.damage = "delivering", self._upstreams[row.model].damage_in(row.start)
        row.monitor = self._status(row, "monitor")
        if not row.monitor:
            self._upstreams[row.model].week(row.start)
            since = self._api.announce_delivery(row.model, row.as_of.isoformat())
            self._wait(row, "monitor", since)
            row.monitor = self._status(row, "monitor")
        if row.monitor.get("finding", {}).get("action") == "retrain":
            row.retrain = self._status(row, "retrain")
            if not row.retrain:
                self._wait(row, "retrain", self._asked_at(row))
                row.retrain = self._status(row, "retrain")
        row.now = "failed" if row.failed else "done"

    def _wait(self, row: Row, stage: str, since: str) -> None:
        dag_id = f"{row.model}.{stage}"
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            runs = self._api.runs(dag_id, since)
            if runs:
                tasks = self._api.tasks(dag_id, runs[0]["dag_run_id"])
                busy = [name for name, state in tasks.items() if state in ("queued", "running", "up_for_retry")]
                row.now = f"{stage}: {', '.join(busy)}" if busy else stage
                if runs[0]["state"] in _DONE:
                    row.failed = "" if runs[0]["state"] == "success" else f"{dag_id} failed in {_failed(tasks)}"
                    return
            time.sleep(0.7)
        raise AirflowError(f"{dag_id} has not finished after {_PATIENCE} s. Look at {dag_id} in Airflow's page.")

    def _asked_at(self, row: Row) -> str:
        """When the monitor's run began: the retraining that it asked for came later."""
        runs = self._api.get(f"dags/{row.model}.monitor/dagRuns/{row.monitor['run_id']}")
        return str(runs["start_date"])

    def _status(self, row: Row, kind: str) -> dict[str, Any]:
        found = [s for s in self._lake.statuses(row.model, kind) if datetime.fromisoformat(s["as_of"]) == row.as_of]
        return found[0] if found else {}


def _failed(tasks: dict[str, str]) -> str:
    return ", ".join(name for name, state in tasks.items() if state == "failed")
