"""A real Prometheus: it takes the rules, reads the metrics with the token, and is refused without."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn
import yaml

import metrics_endpoint
from include.adapters.hold_store import HoldStore
from include.adapters.latest_status import LatestStatus
from include.adapters.ledger import Ledger
from include.adapters.records import Records
from include.reports.overview import Runs
from include.results import Checked
from tests.fakes import MemoryStore
from tests.grown_up.composed import free_port
from tests.ledger.test_entries import promoted
from tests.test_dashboards import queries
from tests.toy import MODEL, World, day, rows

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
TOKEN = "a token of some length"
CHECKED = Checked(rows=90, quarantined=10, reasons={})


def program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is not installed: apt install prometheus (Debian, Ubuntu), then run this again."
    return found


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The page of Airflow's server on a port of its own, about a model whose version 2 is champion."""
    store: Any = MemoryStore()
    for fact in promoted("1", "2"):
        Ledger(store).append("traffic_volume", fact)
    _tell_of(monkeypatch, store)
    yield from _served()


@pytest.fixture
def lived_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The same about the toy model, whose steps have run: promoted, checked, measured, and another review waits."""
    world = World().with_days(15)
    noisy = rows(15).drop(columns="y")
    noisy.loc[:9, "z"] = None
    world.deliver("features", "15", noisy)
    _, _, verdict = world.challenge(day(13))
    approval = world.do("review", day(13), verdict=verdict)
    promotion = world.do("promote", day(13), verdict=verdict, approval=approval)
    world.do(
        "announce", day(13), verdict=verdict, approval=approval, promotion=promotion, asked={"started": datetime.now(UTC)}
    )
    scored = world.do("score", day(16), checked=world.take_in(day(16)))
    quality = world.do("measure_quality", day(16), scored=scored)
    drift = world.do("detect_drift", day(16), checked=CHECKED, scored=scored)
    # No estimate where nothing is without labels yet, as here.
    guessed = {"estimate": 0.8, "estimate_low": 0.7, "estimate_high": 0.9, "estimate_of": day(15)}
    quality = quality.model_copy(update=guessed)
    world.do("triage", day(16), checked=CHECKED, scored=scored, drift=drift, quality=quality)
    _tell_of(monkeypatch, world.lake)
    monkeypatch.setattr("include.models.all_models", lambda: [MODEL])
    monkeypatch.setattr("airflow_facts.runs_of", lambda _: {"toy": Runs("run", datetime.now(UTC))})
    yield from _served()


def _tell_of(monkeypatch: pytest.MonkeyPatch, store: Any) -> None:
    monkeypatch.setenv("PROVING_GROUND_METRICS_TOKEN", TOKEN)
    monkeypatch.setattr(
        "include.services._read_side", lambda *_: (LatestStatus(store), Records(store), Ledger(store), HoldStore(store))
    )
    monkeypatch.setattr("airflow_facts.runs_of", lambda _: {})


def _served() -> Iterator[int]:

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await metrics_endpoint.endpoint(scope | {"root_path": "/proving-ground"}, receive, send)

    port = free_port()
    server = uvicorn.Server(uvicorn.Config(mounted, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield port
    server.should_exit = True
    thread.join()


def prometheus(home: Path, port: int, token: str) -> tuple[subprocess.Popen[bytes], str]:
    """The one of the stack, with its own configuration: only addresses, the token's file and the patience are others."""
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(FOLDER / "rules.yml")]
    (home / "token").write_text(token)
    job = next(job for job in config["scrape_configs"] if job["job_name"] == "proving-ground")
    job |= {"scrape_interval": "1s", "scrape_timeout": "1s", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    job["authorization"] = {"credentials_file": str(home / "token")}
    config["scrape_configs"] = [job]
    (home / "prometheus.yml").write_text(yaml.safe_dump(config))
    mine = free_port()
    arguments = [f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/data"]
    process = subprocess.Popen(
        [program("prometheus"), *arguments, f"--web.listen-address=127.0.0.1:{mine}"], stderr=(home / "log").open("wb")
    )
    return process, f"http://127.0.0.1:{mine}"


def answered(address: str, about: str, **parameters: str) -> Any:
    return requests.get(f"{address}/api/v1/{about}", params=parameters, timeout=5).json()["data"]


def asked(address: str, query: str, seconds: float = 30) -> list[dict[str, Any]]:
    """What Prometheus answers to a query, as soon as it is anything."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            found: list[dict[str, Any]] = answered(address, "query", query=query)["result"]
            if found:
                return found
        except requests.RequestException:
            pass
        time.sleep(0.2)
    raise AssertionError(f"no answer to {query}")


def test_promtool_takes_the_rules_and_their_tests() -> None:
    """Each alert fires when it should, and not before."""
    for words in (["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]):
        answer = subprocess.run([program("promtool"), *words], cwd=FOLDER, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stdout + answer.stderr


def test_it_reads_the_metrics(endpoint: int, tmp_path: Path) -> None:
    """With the token every figure arrives, typed, and nothing is alerted on."""
    process, address = prometheus(tmp_path, endpoint, TOKEN)
    try:
        (champion,) = asked(address, "proving_ground_champion_info")
        assert (champion["metric"]["model"], champion["metric"]["version"]) == ("traffic_volume", "2")
        (events,) = asked(address, 'proving_ground_ledger_events_total{event="promoted"}')
        assert events["value"][1] == "2"
        known = answered(address, "metadata")
        assert known["proving_ground_champion_info"][0]["type"] == "gauge"
        # Before the first look nothing was up: that alert may still be waiting to be resolved.
        assert {alert["state"] for alert in answered(address, "alerts")["alerts"]} <= {"pending"}
    finally:
        process.terminate()
        process.wait()


def test_every_query_of_the_dashboards_is_answered(lived_in: int, tmp_path: Path) -> None:
    """With figures: a panel that stays empty is a mistake in its query."""
    process, address = prometheus(tmp_path, lived_in, TOKEN)
    try:
        for query in queries("toy"):
            assert asked(address, query)
    finally:
        process.terminate()
        process.wait()


def test_a_wrong_token_is_an_alert(endpoint: int, tmp_path: Path) -> None:
    """Nothing is read, and that nothing is read is what Prometheus alerts on."""
    process, address = prometheus(tmp_path, endpoint, "another token of some length")
    try:
        asked(address, 'up{job="proving-ground"} == 0')
        (alert,) = asked(address, 'ALERTS{alertname="ModelMetricsMissing"}')
        assert alert["metric"]["alertstate"] == "pending"
        assert answered(address, "query", query="proving_ground_check_period_seconds")["result"] == []
    finally:
        process.terminate()
        process.wait()
