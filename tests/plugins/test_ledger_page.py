"""The tab "Ledger" of a model's DAGs: for Airflow's own users, and honest about what it cannot read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import ledger_page
from include.adapters.ledger import Ledger
from include.errors import StoreUnreachable
from include.ledger.entries import Entry
from tests.fakes import MemoryStore
from tests.ledger.test_entries import ledger_fact, promoted
from tests.plugins.airflow_process import answers_of
from tests.plugins.test_decision_cards import ASK

DAG = "traffic_volume.retrain"


def entries(*facts: Any) -> list[Entry]:
    store: Any = MemoryStore()
    ledger = Ledger(store)
    for fact in facts:
        ledger.append("traffic_volume", fact)
    return ledger.proved("traffic_volume")


def page(monkeypatch: pytest.MonkeyPatch, found: Sequence[Entry] | Exception, dag_id: str = DAG) -> tuple[int, str]:
    def read(_: str) -> Sequence[Entry]:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(ledger_page, "_entries", read)
    return ledger_page.ledger_page(dag_id)


def test_it_shows_the_ledger_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was champion when, as a table; what people wrote is text."""
    facts = [*promoted("1", "2"), ledger_fact("refused", version="3", reason="<script>alert(1)</script> lost")]
    status, text = page(monkeypatch, entries(*facts))
    assert status == 200
    assert "<td>promoted</td>" in text
    assert "<strong>Champion: version 2.</strong>" in text
    assert "<script" not in text
    assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize("dag_id", ["nobody.retrain", "", "../../x", "<script>.retrain"])
def test_other_dags_have_none(monkeypatch: pytest.MonkeyPatch, dag_id: str) -> None:
    """No name from outside becomes a key in the store."""
    status, text = page(monkeypatch, AssertionError("asked the store"), dag_id)
    assert (status, "<script" in text) == (404, False)


def test_a_broken_ledger_and_an_unreachable_store_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of the two it is, and no traceback."""
    store: Any = MemoryStore()
    store.put("ledger/traffic_volume/0000000001.json", b"{}")
    with pytest.raises(Exception, match="not an entry") as broken:
        Ledger(store).proved("traffic_volume")
    assert page(monkeypatch, broken.value)[0] == 500
    status, text = page(monkeypatch, StoreUnreachable("s3://lake at http://secret"))
    assert status == 503
    assert "secret" not in text


def test_only_airflows_own_users_see_it(tmp_path: Path) -> None:
    """Who is not logged in, or may not read the DAG, gets nothing; the page forbids every script."""
    who = [("viewer", "cookie"), ("", "cookie"), ("none", "cookie")]
    asked = [("ledger/{DAG_ID}", DAG, "any", *each) for each in who]
    nowhere = {"PROVING_GROUND_S3_ENDPOINT": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    seen, stranger, anonymous = answers_of(ASK, tmp_path, [[], asked], **nowhere)[2]
    assert seen[0] == 503
    assert "did not return the ledger" in seen[1]
    assert "default-src 'none'" in seen[2]["content-security-policy"]
    assert stranger[0] == 401
    assert anonymous[0] == 403
