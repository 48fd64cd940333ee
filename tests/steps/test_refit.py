"""Refit trains one backtest model per period, once, on what was known then; a killed run goes on where it stopped."""

import copy
import json
from datetime import datetime
from functools import cache

import joblib
import numpy as np
import pandas as pd
import pytest

from include.decisions.replay.plan import BacktestPlan, plan_backtest
from include.request import Request
from include.results import Drift, Finding, Refitted
from include.services import StepContext
from include.steps import refit
from tests.fakes import Crash
from tests.statuses import monitor_status
from tests.toy import DAY, World, day, rows

DAYS = 21
END = day(DAYS)


@cache
def _lived() -> World:
    return World().with_days(DAYS, turned_from=16)


@pytest.fixture
def lived() -> World:
    """Twenty-one days, in the last of which the answer is the opposite."""
    return copy.deepcopy(_lived())


def ask(world: World, as_of: datetime = END, force: bool = False, run_id: str = "run") -> tuple[Refitted, list[int]]:
    """What the step returns, and how many models were done after each that was fitted."""
    progress: list[int] = []
    request = Request(as_of=as_of, reason="a test", run_id=run_id, force=force)
    return refit.run(StepContext(world.services, world.model, request), lambda done, of, left: progress.append(done)), progress


def plan_of(world: World, digest: str | None) -> BacktestPlan:
    assert digest
    return world.services.lake.plan("toy", digest, BacktestPlan)


def test_every_model_of_the_past_is_kept(lived: World) -> None:
    """One for each day and window; each has a line for every day from its holdout on."""
    refitted, progress = ask(lived)
    plan = plan_of(lived, refitted.digest)
    assert refitted.models == refitted.trained == len(plan.fits) == len(progress)
    for fit in plan.fits:
        table = lived.services.lake.read_table(lived.services.lake.replay_key("toy", str(refitted.digest), fit.name))
        assert table["period"].tolist() == list(range(fit.holdout[0], DAYS))
        assert np.isfinite(table["value"][:-1]).all()


def test_scores_show_the_concept_drift(lived: World) -> None:
    """Old models answer the wrong way round after day 16, which is what all policies are tried on."""
    refitted, _ = ask(lived)
    plan = plan_of(lived, refitted.digest)
    table = lived.services.lake.read_table(lived.services.lake.replay_key("toy", str(refitted.digest), plan.fits[0].name))
    by_day = dict(zip(table["period"], table["value"], strict=True))
    assert by_day[15] > 0.8
    assert by_day[16] < 0.2


def test_the_same_replay_is_found_and_nothing_is_trained_twice(lived: World) -> None:
    """A cleared task returns at once; so does a second replay within the same period."""
    first, _ = ask(lived)
    second, progress = ask(lived, as_of=day(DAYS) + DAY / 3)
    assert (second.digest, second.trained, progress) == (first.digest, 0, [])


@pytest.mark.parametrize("write", [1, 2, 7])
def test_killed_in_the_middle_it_trains_only_what_is_missing(lived: World, write: int) -> None:
    """At any write: what was scored is kept, and the second run adds what is missing."""
    lived.lake.crash_at = write
    with pytest.raises(Crash):
        ask(lived)
    lived.lake.crash_at = None
    refitted, progress = ask(lived)
    # The first write is the plan.
    kept = max(0, write - 2)
    assert refitted.trained == refitted.models - kept == len(progress)
    assert progress[-1] == refitted.models


def test_force_trains_again(lived: World) -> None:
    """A person can have it done anew; the same forced run cleared again is still done once."""
    ask(lived)
    forced, _ = ask(lived, force=True, run_id="by hand")
    assert forced.trained == forced.models
    assert ask(lived, force=True, run_id="by hand")[0].trained == 0


def test_another_recipe_or_another_day_is_another_replay(lived: World) -> None:
    """The digest names everything that the scores depend on."""
    first, _ = ask(lived)
    earlier, _ = ask(lived, as_of=day(DAYS - 1))
    lived.model = lived.model.with_candidate(seed=7)
    other, _ = ask(lived)
    assert len({first.digest, earlier.digest, other.digest}) == 3


def test_with_too_little_history_it_says_so(world: World) -> None:
    """A green answer, and nothing is trained."""
    refitted, progress = ask(world.with_days(12), as_of=day(12))
    assert (refitted.digest, progress) == (None, [])
    assert "12 are needed" in refitted.summary


def test_a_period_that_was_called_broken_is_not_there(lived: World) -> None:
    """Nothing was learned from it then, and nothing is now."""
    for broken, told_at in ((day(10), day(11)), (day(DAYS - 2), END + DAY / 4)):
        status = monitor_status(told_at, drift=Drift(period=broken), finding=Finding(action="stop", reason="broken"))
        lived.services.lake.write_status("toy", status)
    starts = plan_of(lived, ask(lived)[0].digest).starts
    assert day(10) not in starts
    assert day(DAYS - 2) in starts
    later = ask(lived, as_of=END + DAY / 2)[0]
    assert later.digest is None
    assert "11 periods" in later.summary


def test_a_model_of_the_past_sees_no_row_of_its_holdout_or_later(lived: World) -> None:
    """Labels of what it is judged on can be anything: what it learned is the same."""
    history = lived.services.lake.rows(lived.model, day(0), day(DAYS))
    plan = plan_backtest(history, lived.model, day(DAYS), (None,))
    fit = plan.fits[3]
    table = refit.refit(lived.model, history, plan, fit)
    other = history.copy()
    held_out = other["at"] >= fit.holdout_start
    other.loc[held_out, "y"] = 1 - other.loc[held_out, "y"]
    turned = refit.refit(lived.model, other, plan, fit)
    # The same scores against the opposite labels: AUC is mirrored exactly.
    assert np.allclose(turned["value"][:-1], 1 - table["value"][:-1])


def test_a_correction_changes_nothing_of_the_time_before_it(lived: World) -> None:
    """Models, plan and scores are those without it, and the table says what the corrected rows would have shown."""
    before = tables(lived)
    for number in (8, 14):
        wrong = rows(number)[["id", "at", "y"]]
        lived.deliver("labels", f"{number:02}", wrong.assign(y=1 - wrong["y"]))
    lived.landing.now = END
    lived.take_in(END + DAY)
    after = tables(lived, END + DAY)
    for name, table in before.items():
        shown = after[name].set_index("period")
        same = table.set_index("period").drop(columns="corrected").drop(index=DAYS - 1, errors="ignore")
        pd.testing.assert_frame_equal(shown.loc[same.index, same.columns], same)
        judged = [number for number in (8, 14) if number in same.index]
        assert np.allclose(shown.loc[judged, "corrected"], 1 - shown.loc[judged, "value"], atol=0.05)
        assert shown["corrected"].drop(index=judged).isna().all()


def tables(world: World, as_of: datetime = END) -> dict[str, pd.DataFrame]:
    """Each backtest model's scores."""
    digest = str(ask(world, as_of=as_of)[0].digest)
    lake = world.services.lake
    return {one.name: lake.read_table(lake.replay_key("toy", digest, one.name)) for one in plan_of(world, digest).fits}


def test_over_processes_the_scores_are_the_same(lived: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process gets the rows once, through a file, and what it finds does not depend on where it ran."""
    history = lived.services.lake.rows(lived.model, day(0), day(DAYS))
    plan = plan_backtest(history, lived.model, day(DAYS), (None,))
    here = {fit.name: table for fit, table in refit.fitted(lived.model, history, plan, plan.fits[:3])}
    monkeypatch.setattr(refit, "_WORTH_PROCESSES", 0.0)
    monkeypatch.setattr(joblib, "effective_n_jobs", lambda _: 2)
    there = {fit.name: table for fit, table in refit.fitted(lived.model, history, plan, plan.fits[:3])}
    assert list(sorted(there)) == sorted(here)
    for name, table in here.items():
        assert json.loads(table.to_json()) == json.loads(there[name].to_json())
