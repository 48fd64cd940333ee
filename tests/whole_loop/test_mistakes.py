"""What a person does by mistake is found, told, and undone by what docs/day_two.md says, through the real scheduler.

Other mistakes are undone elsewhere: promoted by hand and a wrong reviewer's answer (test_rollback.py, test_review.py), a
delivery that is mostly bad (test_loop.py).
"""

import gzip
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from demo.upstream import WEEK
from include.adapters.ledger import Ledger
from include.ledger.entries import Entry
from tests.whole_loop.conftest import Story
from tests.whole_loop.loop import Loop
from tests.whole_loop.test_rollback import change_by_hand, never_champion

pytestmark = pytest.mark.whole_loop


def newest(loop: Loop) -> Entry:
    """The newest entry of the ledger, all of which is proved."""
    return Ledger(loop.lake_store).proved(loop.model.name)[-1]


def done(loop: Loop, stage: str, **form: Any) -> str:
    """A run by hand that has to end green; its id."""
    run = loop.trigger(stage, **form)
    assert loop.finished(stage, run) == "success", loop.tasks(stage, run)
    return run


def monitored(loop: Loop, **form: Any) -> str:
    """A monitor by hand as of the last week that was delivered, and what it asks for."""
    run = done(loop, "monitor", as_of=loop.delivered_until.isoformat(), **form)
    loop.settle(run, loop.delivered_until)
    return run


def test_a_wrong_delivery_that_was_taken_in_is_withdrawn_by_the_form(loop: Loop, first_champion: Story) -> None:
    """A week is delivered a second time under another name, its weather is wrong; the page shows it."""
    start = loop.next_week()
    loop.take_in(start)
    before = loop.lake.rows(loop.model, start, start + WEEK)
    file = next(
        entry.key for entry in loop.landing.entries(f"{loop.model.name}/features/") if f"{start:%Y-%m-%d}" in entry.key
    )
    wrong = file.replace("/features/", "/features/copy-of-")
    lines = gzip.decompress(loop.landing.read(file))
    assert b"Clouds" in lines
    loop.landing.put(wrong, gzip.compress(lines.replace(b"Clouds", b"Squall")))
    monitored(loop, reason="as every week")
    page = loop.api.page(f"models/{loop.dag('monitor')}")
    assert wrong in page
    assert not loop.lake.rows(loop.model, start, start + WEEK).equals(before)
    run = monitored(loop, withdraw=wrong, reason="delivered twice, with another weather")
    assert f"rows of {wrong} are withdrawn" in loop.log("monitor", run, "reconcile")
    assert loop.lake.rows(loop.model, start, start + WEEK).equals(before)
    assert "admin: delivered twice" in loop.api.page(f"models/{loop.dag('monitor')}")
    assert loop.landing.read(wrong), "upstream's file is upstream's"


def test_a_wrong_rollback_is_undone(loop: Loop, first_champion: Story) -> None:
    """The version that was rolled back from is restored, and neither is barred."""
    old, new = change_by_hand(loop, never_champion(loop))
    done(loop, "rollback", reason="the wrong model's page was open")
    assert loop.aliases()["champion"] != new
    done(loop, "rollback", undo=True, reason="wrong model")
    assert loop.aliases()["champion"] == new
    assert (newest(loop).event, newest(loop).champion) == ("restored", new)
    assert not {old, new} & set(Ledger(loop.lake_store).state(loop.model.name).rolled_back)


def test_a_deleted_alias_is_found_and_the_champion_comes_back(loop: Loop, first_champion: Story) -> None:
    """MLflow forgets who was champion; the ledger does not, and the form leads back."""
    champion = loop.aliases()["champion"]
    loop.mlflow.delete_registered_model_alias(loop.model.name, "champion")
    run = done(loop, "monitor", as_of=loop.delivered_until.isoformat(), reason="after an alias was deleted")
    assert f"version {champion} was" in loop.log("monitor", run, "reconcile")
    finding = loop.check(loop.delivered_until).finding
    assert (finding.action, finding.title) == ("page", "The champion was removed by hand")
    done(loop, "rollback", target=champion, reason="the alias was deleted by mistake")
    assert loop.aliases()["champion"] == champion


def test_a_deleted_version_is_named_where_it_is_missed(loop: Loop, first_champion: Story) -> None:
    """A rollback to it says so and what can be gone back to; the champion stays, and monitors go on."""
    gone = never_champion(loop)
    old, _ = change_by_hand(loop, gone)
    done(loop, "rollback", target=old, reason="it was never judged")
    loop.mlflow.delete_model_version(loop.model.name, gone)
    run = loop.trigger("rollback", target=gone, override=True, reason="back again")
    assert loop.finished("rollback", run) == "failed"
    assert "was deleted" in loop.log("rollback", run, "verify_target")
    assert loop.aliases()["champion"] == old
    monitored(loop, reason="after a version was deleted")


def test_a_freeze_that_was_forgotten_is_seen_and_ended(loop: Loop, first_champion: Story) -> None:
    """Retrainings say who froze the model, green; the page says it on top; the form ends it."""
    until = (datetime.now(UTC) + timedelta(days=200)).strftime("%Y-%m-%dT%H:%M:%SZ")
    as_of = loop.delivered_until.isoformat()
    done(loop, "monitor", as_of=as_of, freeze_until=until, reason="incident 12")
    run = done(loop, "retrain", as_of=as_of, force=True, reason="a fix")
    assert "frozen until" in loop.log("retrain", run, "assemble") + loop.log("retrain", run, "announce")
    page = loop.api.page("models/")
    assert "frozen" in page
    assert "incident 12" in page
    done(loop, "monitor", as_of=as_of, unfreeze=True, reason="it was over in March")
    assert newest(loop).event == "unfrozen"
    assert "incident 12" not in loop.api.page("models/")


def test_a_paused_monitor_is_on_the_page(loop: Loop, first_champion: Story) -> None:
    """Until a person switches it on again."""
    loop.api.patch(f"dags/{loop.dag('monitor')}", {"is_paused": True})
    try:
        assert '<span class="badge waits">paused</span> monitor' in loop.api.page("models/")
    finally:
        loop.api.patch(f"dags/{loop.dag('monitor')}", {"is_paused": False})
    assert '<span class="badge waits">paused</span>' not in loop.api.page("models/")
