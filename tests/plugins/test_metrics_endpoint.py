"""The metrics: for a client that shows the token, and nothing for any other."""

from typing import Any

import pytest
from starlette.testclient import TestClient

import metrics_endpoint
from include.adapters.hold_store import HoldStore
from include.adapters.latest_status import LatestStatus
from include.adapters.ledger import Ledger
from include.adapters.records import Records
from include.errors import StoreUnreachable
from tests.fakes import MemoryStore

TOKEN = "a token of some length"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Any:
    store: Any = MemoryStore()
    monkeypatch.setenv("PROVING_GROUND_METRICS_TOKEN", TOKEN)
    monkeypatch.setattr(
        "include.services._read_side", lambda *_: (LatestStatus(store), Records(store), Ledger(store), HoldStore(store))
    )
    monkeypatch.setattr("airflow_facts.runs_of", lambda names: {})
    return store


def ask(authorization: str = f"Bearer {TOKEN}", path: str = "/metrics") -> Any:
    return TestClient(metrics_endpoint._app()).get(path, headers={"Authorization": authorization} if authorization else {})


def test_the_token_opens_it(store: Any) -> None:
    """Every model is exported, in the format that Prometheus reads."""
    answer = ask()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert 'proving_ground_check_period_seconds{model="traffic_volume"} 604800.0' in answer.text


@pytest.mark.parametrize("shown", ["", TOKEN, "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"])
def test_nothing_else_does(store: Any, shown: str) -> None:
    """No figure, and no word about the token."""
    answer = ask(shown)
    assert answer.status_code == 401
    assert "proving_ground_" not in answer.text
    assert TOKEN not in answer.text


def test_without_a_token_there_is_no_page(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty setting is no open door."""
    monkeypatch.setenv("PROVING_GROUND_METRICS_TOKEN", "")
    assert [ask(shown).status_code for shown in ("", "Bearer ", f"Bearer {TOKEN}")] == [404, 404, 404]


def test_a_token_that_is_too_short_is_refused_without_being_shown(
    store: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the setting and hides its value."""
    monkeypatch.setenv("PROVING_GROUND_METRICS_TOKEN", "guessable")
    assert ask("Bearer guessable").status_code == 503
    assert "PROVING_GROUND_METRICS_TOKEN" in caplog.text
    assert "guessable" not in caplog.text


def test_a_damaged_document_costs_one_model_its_numbers(store: Any) -> None:
    """The others are exported as before, and that one is exported as unreadable."""
    for written in (b"{}", b"no json"):
        store.put("latest/traffic_volume/ledger.json", written)
        store.put("latest/traffic_volume/", b"")
        answer = ask()
        assert answer.status_code == 200
        assert 'proving_ground_records_unreadable{model="traffic_volume"} 1.0' in answer.text
        assert 'proving_ground_check_period_seconds{model="flight_delays"}' in answer.text


def test_a_broken_file_costs_one_model_its_metrics(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is exported as broken, and the others as before."""
    monkeypatch.setattr("include.models.broken_models", lambda: {"churn": "churn.py defines no MODEL"})
    answer = ask()
    assert answer.status_code == 200
    assert 'proving_ground_model_broken{model="churn"} 1.0' in answer.text
    assert 'proving_ground_check_period_seconds{model="flight_delays"}' in answer.text


def test_a_silent_store_is_a_failed_scrape(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prometheus then says that the models' metrics are missing; old figures would look like good ones."""

    def silent(*_: object) -> None:
        raise StoreUnreachable("s3://lake at http://secret")

    monkeypatch.setattr("include.services._read_side", silent)
    assert (ask().status_code, "secret" in ask().text) == (503, False)
