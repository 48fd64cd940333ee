"""The list of all models: what is known of each, what is not is not made up, and who needs a person comes first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.adapters.latest_status import LatestStatus
from include.errors import BrokenFeed
from include.holds import Hold
from include.models.contract import Model
from include.reports.overview import FailedRun, Line, Runs, line, overview
from include.reports.pages import render
from include.results import Approval, Checked, Drift, Finding, Quality, Refreshed, Scored
from include.statuses import FailedTask, Latest, Posted
from tests.statuses import monitor_status, retrain_status
from tests.toy import MODEL, World, day

NOW = datetime(2024, 1, 20, tzinfo=UTC)
FROZEN = Hold(what="freeze", by="erin", reason="holiday", since=NOW, until=NOW + timedelta(days=2))
SNOOZED = FROZEN.model_copy(update={"what": "page"})
APPROVAL = Approval(approved=True, by="the gate")


def shown(*lines: Line) -> str:
    """The page with these lines."""
    return render("models.html", lines=lines, frozen=(), spoilt=[], now=NOW)


def checked(world: World, **found: Any) -> None:
    scored, drift = Scored(champion=None, period=day(8)), found.pop("drift", Drift(period=day(8), columns=3))
    rows = Checked(rows=9, quarantined=0, reasons={})
    world.do("triage", day(9), checked=rows, scored=scored, drift=drift, quality=Quality(metric="roc_auc", **found))


def test_a_model_that_never_ran_has_dashes() -> None:
    """Nothing is made up: no champion, no check, no figure."""
    found = line(MODEL, Latest(), Runs(), NOW)
    assert (found.champion, found.checked_at, found.features, found.value, found.verdict) == (None,) * 5
    page = shown(found)
    assert ">none<" in page
    assert "1 that never ran" in page


def test_a_line_says_what_the_real_steps_wrote() -> None:
    """The documents come from the real triage and the real ledger."""
    world = World().with_days(12)
    assembled, _, verdict = world.challenge(day(13))
    assert assembled.train is not None
    promotion = world.promote(day(13), verdict)
    world.do("announce", day(13), verdict=verdict, approval=APPROVAL, promotion=promotion)
    checked(world, period=day(7), value=0.8, low=0.75, high=0.85, reference=0.9, newest_maturity=0.4)
    found = line(MODEL, LatestStatus(world.lake).of("toy"), Runs(), NOW)
    assert (found.champion, found.on_probation, found.moving) == ("1", False, False)
    assert (found.drifted, found.features) == (0, 3)
    assert (found.value, found.measured_on, found.maturity) == (0.8, day(7), 0.4)
    assert (found.verdict, found.verdict_version, found.verdict_as_of) == ("promote", "1", day(13))
    assert "0.8" in shown(found)
    assert "refitted" not in shown(found)
    refitted = Refreshed(version="2", instead_of="1", summary="version 2 is champion")
    world.do("announce", day(13), verdict=verdict, approval=APPROVAL, promotion=promotion, refreshed=refitted)
    again = line(MODEL, LatestStatus(world.lake).of("toy"), Runs(), NOW)
    assert (again.verdict_version, again.refitted_as) == ("1", "2")
    assert "version 1, refitted as 2" in shown(again)


def test_a_model_not_checked_for_long_is_shown_as_silent() -> None:
    """As the alert has it: three periods, and never less than three days."""
    world = World()
    checked(world, period=None)
    latest = LatestStatus(world.lake).of("toy")
    assert latest.monitor is not None
    for days, silent in ((2, False), (4, True)):
        found = line(MODEL, latest, Runs(), latest.monitor.at + timedelta(days=days))
        assert found.silent is silent


def test_models_that_need_a_person_come_first() -> None:
    """A review that waits, then silence, then what triage found; the others by name."""
    plain = Line("x", "o", "d")
    waits = replace(plain, name="z", runs=Runs(review_run="r"))
    lines = [
        plain,
        replace(plain, name="w", action="nothing"),
        replace(plain, name="v", action="page"),
        replace(plain, name="u", silent=True),
        waits,
    ]
    assert [one.name for one in sorted(lines, key=lambda one: one.urgency)] == ["z", "u", "v", "w", "x"]
    assert [one.name for one in lines if one.needs_a_person] == ["v", "u", "z"]
    page = shown(*sorted(lines, key=lambda one: one.urgency))
    assert "3 need a person" in page
    assert "1 that never ran" in page


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"broken": "no MODEL"}, "Correct include/models/x.py"),
        ({"faults": ("latest/x/ledger.json was changed",)}, "restore it"),
        ({"runs": Runs(review_run="r")}, "Answer the review"),
        (
            {"runs": Runs(failed=(FailedRun("monitor", "r", "check", NOW),))},
            "Mend what stopped x.monitor, then clear its task check",
        ),
        ({"moving": True, "champion": "1"}, "Clear the failed task, or run x.monitor"),
        ({"runs": Runs(paused=("monitor", "replay"))}, "Switch its DAGs on: monitor are paused"),
        ({"action": "nothing", "checked_at": NOW, "runs": Runs(paused=("retrain",))}, "Switch x.retrain on again"),
        ({"action": "page", "advice": "Ask upstream.", "checked_at": NOW}, "Ask upstream."),
        ({"action": "retrain", "checked_at": NOW}, "a retraining was requested"),
        ({"action": "nothing", "checked_at": NOW}, "Nothing to do."),
        ({"action": "wait", "checked_at": NOW, "held": (FROZEN,)}, "frozen until 2024-01-22 00:00 UTC; monitors go on"),
        ({}, "Deliver its first data"),
    ],
)
def test_one_sentence_says_what_to_do(changes: dict[str, Any], says: str) -> None:
    """The most urgent thing decides, and it is on the page."""
    one = replace(Line("x", "o", "d"), **changes)
    assert says in one.to_do
    assert says in shown(one)


def test_what_a_person_has_snoozed_waits_for_none() -> None:
    """It is still shown, below what is not snoozed; another kind of finding is not snoozed with it."""
    noisy = Line("x", "o", "d", action="page", title="Feed too noisy", checked_at=NOW)
    snoozed = replace(noisy, held=(SNOOZED,))
    assert (noisy.needs_a_person, snoozed.needs_a_person) == (True, False)
    assert "Feed too noisy" in shown(snoozed)
    assert "page snoozed" in shown(snoozed)
    assert replace(snoozed, action="alarm").needs_a_person


def test_the_reason_of_a_failure_is_on_the_page() -> None:
    """That of this run and task; of an earlier one it would be another's."""
    kept = FailedTask.of("r1", "check", BrokenFeed("412 of 1,004 rows break the contract"))
    latest = Latest(failed_monitor=Posted(NOW, kept))
    for run_id, there in (("r1", True), ("r2", False)):
        found = line(MODEL, latest, Runs(failed=(FailedRun("monitor", run_id, "check", NOW),)), NOW)
        assert ("412 of 1,004 rows break" in shown(found)) is there
    assert "quote rows" in FailedTask.of("r", "check", ValueError("secret 4711")).reason
    assert "4711" not in FailedTask.of("r", "check", ValueError("secret 4711")).reason


def test_nothing_is_said_twice() -> None:
    """A reason that its title has, or that the failed run has, is not repeated below."""
    noisy = Line(
        "x", "o", "d", action="page", title="Feed too noisy: temp: 5% missing", reason="noise surge: temp: 5% missing"
    )
    assert not noisy.says_more
    assert replace(noisy, reason="noise surge: temp: 5% missing; and 3 more").says_more

    stop = replace(noisy, action="stop", reason="the feed is broken: no rows; no labels", title="Feed broken: no rows")
    assert stop.says_more
    assert not replace(stop, runs=Runs(failed=(FailedRun("monitor", "r", "triage", NOW, "the feed is broken"),))).says_more


def test_a_line_that_cannot_be_made_is_one_red_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong with a model, the others are shown."""
    monkeypatch.setattr(Model, "silent_after", lambda self, _: 1 / 0 if self.name == "bad" else NOW)
    latest = Latest(monitor=Posted(NOW, monitor_status(day(9))))
    bad = replace(MODEL, name="bad")
    lines = overview([MODEL, bad], {"toy": latest, "bad": latest}, {}, {}, NOW)
    assert [(one.name, bool(one.faults)) for one in lines] == [("bad", True), ("toy", False)]


def test_a_retraining_that_has_ended_waits_for_no_reviewer() -> None:
    """The check's word stays, and what came of it stands beside; a check since then asks anew."""
    asked = Posted(NOW, monitor_status(day(9), finding=Finding(action="retrain", reason="decay")))
    for as_of, answered in ((day(9), True), (day(8), False)):
        latest = Latest(monitor=asked, retrain=Posted(NOW, retrain_status(as_of)))
        found = line(MODEL, latest, Runs(), NOW)
        assert found.answered is answered
        assert ("answered: keep" in shown(found)) is answered


def test_each_model_has_one_line() -> None:
    """Whatever the latest status holds beside: a model that was removed leaves documents behind."""
    strange = {"gone": Latest(unreadable=("profile",))}
    assert [one.name for one in overview([MODEL], strange, {}, {}, NOW)] == ["toy"]


@given(st.text(max_size=80))
def test_no_text_acts_on_who_reads_it(text: str) -> None:
    """Whatever a delivery or a person wrote is text on the page."""
    spiteful = f"<script>{text}</script><img src=x onerror=y>"
    one = replace(line(MODEL, Latest(), Runs(), NOW), action="page", reason=spiteful, description=spiteful, owner=spiteful)
    page = shown(replace(one, advice=spiteful, title=spiteful, held=(SNOOZED.model_copy(update={"reason": spiteful}),)))
    assert "<script" not in page
    assert "<img" not in page


def test_what_was_asked_for_wrongly_is_asked_for_again() -> None:
    """Cleared, such a run would fail for the same reason: the sentence beside it says so, and so does this one."""
    wrong = FailedRun(
        "monitor", "run", "reconcile", NOW, "toy.monitor was to withdraw without a reason. Trigger it again with one"
    )
    broken = replace(wrong, reason="no answer from the store")
    said = [Line("toy", "o", "d", runs=Runs(failed=(run,))).to_do for run in (wrong, broken)]
    assert said[0] == "Start toy.monitor again as its message says, and delete this run."
    assert said[1] == "Mend what stopped toy.monitor, then clear its task reconcile."
