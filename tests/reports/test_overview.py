"""The list of all models: what is known of each, what is not is not made up, and who needs a person comes first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from include.adapters.latest_status import LatestStatus
from include.reports.overview import Line, Runs, line, overview
from include.reports.pages import render
from include.results import Approval, Checked, Drift, Finding, Quality, Scored
from include.statuses import Latest, Posted
from tests.statuses import monitor_status, retrain_status
from tests.toy import MODEL, World, day

NOW = datetime(2024, 1, 20, tzinfo=UTC)
APPROVAL = Approval(approved=True, by="the gate")


def checked(world: World, **found: Any) -> None:
    scored, drift = Scored(champion=None, period=day(8)), found.pop("drift", Drift(period=day(8), columns=3))
    rows = Checked(rows=9, quarantined=0, reasons={})
    world.do("triage", day(9), checked=rows, scored=scored, drift=drift, quality=Quality(metric="roc_auc", **found))


def test_a_model_that_never_ran_has_dashes() -> None:
    """Nothing is made up: no champion, no check, no figure."""
    found = line(MODEL, Latest(), Runs(), NOW)
    assert (found.champion, found.checked_at, found.features, found.value, found.verdict) == (None,) * 5
    page = render("models.html", lines=[found], now=NOW)
    assert ">none<" in page
    assert "never" in page


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
    assert "0.8" in render("models.html", lines=[found], now=NOW)


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


def test_a_retraining_that_has_ended_waits_for_no_reviewer() -> None:
    """The check's word stays, and what came of it stands beside; a check since then asks anew."""
    asked = Posted(NOW, monitor_status(day(9), finding=Finding(action="retrain", reason="decay")))
    for as_of, answered in ((day(9), True), (day(8), False)):
        latest = Latest(monitor=asked, retrain=Posted(NOW, retrain_status(as_of)))
        found = line(MODEL, latest, Runs(), NOW)
        assert found.answered is answered
        assert ("answered: keep" in render("models.html", lines=[found], now=NOW)) is answered


def test_each_model_has_one_line() -> None:
    """Whatever the latest status holds beside: a model that was removed leaves documents behind."""
    strange = {"gone": Latest(unreadable=("profile",))}
    assert [one.name for one in overview([MODEL], strange, {}, NOW)] == ["toy"]


@given(st.text(max_size=80))
def test_no_text_acts_on_who_reads_it(text: str) -> None:
    """Whatever a delivery or a person wrote is text on the page."""
    spiteful = f"<script>{text}</script><img src=x onerror=y>"
    one = replace(line(MODEL, Latest(), Runs(), NOW), action="page", reason=spiteful, description=spiteful, owner=spiteful)
    page = render("models.html", lines=[one], now=NOW)
    assert "<script" not in page
    assert "<img" not in page
