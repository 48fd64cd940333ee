"""Models whose feeds come by the calendar's month and quarter, through the real steps: all dates are those of the calendar.

The loop plays some years: winters that come back, answers that turn round, labels two weeks late. The first rows come in one
file, and the following ones period by period, from the first moment of each to its last.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pandas as pd
import pytest

from bench.in_process import Week, play
from include.adapters.lake import period_in
from include.cli.check_model import deliver
from include.decisions.data.spec_check import check_spec
from include.models.contract import Candidate, Model, Probation
from include.periods import CalendarPeriod
from tests.fakes import MemoryStore
from tests.toy import World, build, changed

ROWS, DELAY, SIX = 160, timedelta(days=14), timedelta(hours=6)


@dataclass(frozen=True)
class Story:
    """A feed of `count` periods from `first` on: the first `at_once` come in one file, from `turned` on the answers turn.

    `winter` is the month in which a cold period starts; the first year had none.
    """

    period: CalendarPeriod
    first: datetime
    winter: int
    count: int
    at_once: int
    turned: int

    @property
    def model(self) -> Model:
        """The toy model on this feed."""
        model = changed(period=self.period, label_delay=DELAY, schedule="0 6 1 * *", probation=Probation(2, looks=1))
        recent = Candidate(build, name="recent", train_periods=2)
        return replace(model, candidates=(Candidate(build, name="all_history"), recent), min_train_periods=3)

    def start(self, number: int) -> datetime:
        """When a period starts."""
        return self.model.later(self.first, number)

    def rows(self, number: int) -> pd.DataFrame:
        """All that will ever be known about one period."""
        rng, start, end = np.random.default_rng(number), self.start(number), self.start(number + 1)
        x, z = rng.normal(size=ROWS), rng.normal(size=ROWS) + 3 * (start.month == self.winter and number >= self.at_once)
        seconds = np.sort(rng.uniform(0, (end - start).total_seconds(), ROWS)).round()
        seconds[0], seconds[-1] = 0, (end - start).total_seconds() - 1
        positive = (x + rng.normal(scale=0.5, size=ROWS) > 0) != (number >= self.turned)
        return pd.DataFrame(
            {
                "id": [f"{number}-{turn}" for turn in range(ROWS)],
                "at": [(start + timedelta(seconds=at)).isoformat() for at in seconds],
                "x": x,
                "z": z,
                "colour": rng.choice(["red", "green", "blue"], ROWS),
                "y": positive.astype(int),
            }
        )

    def table(self) -> pd.DataFrame:
        """All rows."""
        return pd.concat([self.rows(number) for number in range(self.count)], ignore_index=True)


MONTHS = Story("month", datetime(2022, 1, 1, tzinfo=UTC), winter=12, count=36, at_once=10, turned=26)
QUARTERS = Story("quarter", datetime(2016, 1, 1, tzinfo=UTC), winter=10, count=26, at_once=9, turned=16)


@cache
def played(story: Story) -> tuple[World, dict[datetime, Week]]:
    """The world after all periods, and what each check led to, by the start of the newest period that it saw."""
    world, weeks, table = World(model=story.model), dict[datetime, Week](), story.table()
    times = pd.to_datetime(table["at"], utc=True)
    before = datetime(1970, 1, 1, tzinfo=UTC)
    for number in range(story.at_once, story.count + 1):
        as_of = story.start(number) + SIX
        due = (times + DELAY > before) & (times + DELAY <= as_of)
        new = (times >= before - SIX) & (times < story.start(number))
        world.deliver("features", f"{as_of:%Y-%m}", table[new].drop(columns="y"))
        world.deliver("labels", f"{as_of:%Y-%m}", table[due][["id", "at", "y"]])
        weeks[story.start(number - 1)] = play(world.services, world.model, as_of)
        before = as_of
    return world, weeks


@pytest.fixture(params=[MONTHS, QUARTERS], ids=lambda story: story.period)
def story(request: pytest.FixtureRequest) -> Story:
    """One of the feeds."""
    story: Story = request.param
    return story


def test_a_file_of_several_periods_is_sorted_into_them(story: Story) -> None:
    """Every row lies in its own period, also the first and the last moment of it."""
    world, _ = played(story)
    lake, model = world.services.lake, story.model
    assert {period_in(key) for key in lake.files(model, story.first, story.start(story.count))} == {
        story.start(number) for number in range(story.count)
    }
    for number in range(story.count):
        rows = lake.rows(model, story.start(number), story.start(number + 1))
        assert sorted(rows["id"]) == sorted(story.rows(number)["id"])


def test_each_check_judges_whole_periods(story: Story) -> None:
    """The newest one that has ended is compared, and the one whose labels have all come is measured; none is overdue."""
    _, weeks = played(story)
    for newest, week in weeks.items():
        assert week.drift.period == newest
        assert week.quality.overdue == 0
        assert week.drift.broken == ()
        assert week.checked.unmatched == 0
    measured = [(newest, week.quality.period) for newest, week in weeks.items() if week.quality.period]
    assert len(measured) > len(weeks) / 2
    assert all(period == story.model.earlier(newest) for newest, period in measured)


def test_the_hold_out_ends_where_its_last_period_does(story: Story) -> None:
    """And training begins and ends with a period."""
    world, weeks = played(story)
    first = next(iter(weeks.values()))
    assert first.promotion is not None
    assert first.promotion.promoted
    champion, lake = world.registry.versions["1"].tags, world.services.lake
    assert champion["trained_until"] == story.start(story.at_once - 3).isoformat()
    for digest, start, end in (("train_digest", 0, story.at_once - 3), ("holdout", story.at_once - 3, story.at_once - 1)):
        times = lake.read_snapshot(story.model, champion[digest])["at"]
        assert (times.min(), times.max()) == (story.start(start), story.start(end) - timedelta(seconds=1))


def test_a_winter_is_a_season_in_the_second_year(story: Story) -> None:
    """What moves then did so in the same months of the year before."""
    _, weeks = played(story)
    first, second = (newest for newest in weeks if newest.month == story.winter and newest < story.start(story.turned))
    assert {one.view: one.season for one in weeks[first].drift.moved}["z"] == ""
    assert {one.view: one.season for one in weeks[second].drift.moved}["z"] == f"as in the period from {first:%Y-%m-%d}"
    assert weeks[second].finding.action == "note"


def test_answers_that_turn_are_learned_and_the_new_champion_passes_its_probation(story: Story) -> None:
    """Decay is shown by two mature periods; a fresh model is promoted once it could learn and be judged."""
    world, weeks = played(story)
    turned = story.start(story.turned)
    decayed = next(newest for newest, week in weeks.items() if week.quality.decayed)
    assert story.model.periods_between(turned, decayed) <= 2
    _, promoted = (newest for newest, week in weeks.items() if week.promotion and week.promotion.promoted)
    assert 3 <= story.model.periods_between(turned, promoted) <= 5
    state = world.services.ledger.state("toy")
    assert (state.on_probation, state.events["looked"], state.rolled_back) == (None, 1, ())


def test_a_back_fill_sees_what_was_seen_then(story: Story) -> None:
    """The quality of an earlier period, measured again as of its time."""
    world, weeks = played(story)
    *_, week, _, _ = weeks.values()
    again = world.do("measure_quality", week.as_of, scored=world.scored(week.as_of))
    assert (again.period, again.value, again.rows) == (week.quality.period, week.quality.value, week.quality.rows)


def test_the_file_and_the_data_agree(story: Story) -> None:
    """Nothing is found in them; without one period a gap is, by its date."""
    table, now = story.table(), datetime(2026, 1, 1, tzinfo=UTC)
    assert [finding for finding in check_spec(story.model, table, now) if finding.what != "feature x"] == []
    gap = story.start(4)
    times = pd.to_datetime(table["at"], utc=True)
    without = table[(times < gap) | (times >= story.model.later(gap))].reset_index(drop=True)
    (found,) = check_spec(story.model, without, now)
    assert found.value == f"1 of {story.count} have no rows, the first starts on {gap:%Y-%m-%d} 00:00"
    landing = MemoryStore("landing")
    keys = [key for key in deliver(landing, story.model, table, now) if "/features/" in key]
    assert keys[0] == f"toy/features/until-{story.start(story.count - 9):%Y-%m-%dT%H}.csv"
    assert keys[1:] == [f"toy/features/{story.start(story.count - back):%Y-%m-%dT%H}.csv" for back in range(8, 0, -1)]


def test_the_replay_counts_months() -> None:
    """And says so."""
    world, _ = played(MONTHS)
    as_of = MONTHS.start(MONTHS.count) + SIX
    refitted = world.do("refit", as_of)
    assert refitted.periods >= 12, refitted
    assert "month" in world.do("recommend", as_of, refitted=refitted).recommendation
