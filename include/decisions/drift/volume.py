"""Volume: is a period's number of rows out of line with how it moved before, and which number is the usual one now?

Limits come from the feed itself: each number is forecast from the periods just before it (and its weekday), and what matters
is how far such forecasts have missed so far. Bursts, seasons and growth are in these misses, so they widen the limits by
themselves. All is reckoned in logarithms: half and double are as far from usual.

A number that stands out is reported, and stops only where it is implausible. Where it stays, it becomes the usual number by
itself, because a feed that has changed for good must not keep its model from learning for ever.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Literal

import numpy as np

from include.decisions.drift.control_charts import FEWEST_PERIODS, History, level_p

# Forecasts are the median of so many periods: fewer follow a burst, more lag behind a season.
_LEVEL_PERIODS = 5
_STAYS = 3
_STAYS_AT_LEAST = timedelta(days=1)
# As many implausible periods within four times as many periods are how the feed moves, although it recovers in between.
_OFTEN = 4
_FALSE_ALARMS = 0.01
# From a fifth fewer, or a quarter more, a number matters.
_MATERIAL = math.log(1.25)
# A loss that may stop a run takes two in five rows, and is twice the farthest miss so far: of n misses with an exponential
# tail, which bursty counts have in logarithms, the next one is that far out about once in n² periods.
_LOST, _FARTHER = math.log(1 / 0.6), 2.0
# With too little history for limits: what is fewer than a tenth of the smallest number so far is implausible.
_IMPLAUSIBLE = 10
# Numbers of one new level: up to a factor of two, because few rows vary by much.
_ALIKE = math.log(2)
_A_WEEK = timedelta(days=7)
_FEWEST_WEEKS, _NEWEST_WEEKS = 4, 8
_PERIODS_BEFORE = 4

# Under which name it is reported.
VOLUME = "(volume)"
Verdict = Literal["usual", "rare", "implausible", "accepted"]


@dataclass(frozen=True)
class PeriodRows:
    """How many rows a period has; `accepted`: a person called it normal; `trained`: the champion has them."""

    start: datetime
    rows: int
    accepted: bool = False
    trained: bool = False

    @property
    def log(self) -> float:
        """The logarithm; half a row keeps it finite."""
        return math.log(self.rows + 0.5)


@dataclass(frozen=True)
class Volume:
    """A period's rows beside the usual number, and what to make of them.

    `rare` is reported, `implausible` stops the run; `accepted` stands out and is the usual number from now on. `in_a_row`
    counts the periods that have stood out up to this one, `before` is the relative change of the one before, 0 where it was
    usual. `usual` holds the starts of all earlier periods whose number counts as usual by now.
    """

    rows: int
    expected: float
    verdict: Verdict = "usual"
    in_a_row: int = 1
    before: float = 0.0
    usual: frozenset[datetime] = frozenset()
    season: str = ""

    @property
    def effect(self) -> float:
        """The relative change: -0.5 where half of the rows are lost."""
        return self.rows / max(self.expected, 1.0) - 1

    @property
    def miss(self) -> float:
        """The same in logarithms."""
        return math.log((self.rows + 0.5) / (self.expected + 0.5))

    @property
    def in_words(self) -> str:
        """What is there, and what usually is."""
        return f"{self.rows:,} rows, usually about {self.expected:,.0f}"

    def explained_by(self, season: str) -> "Volume":
        """The same, not implausible, because a season explains it."""
        return replace(self, verdict="rare" if self.verdict == "implausible" else self.verdict, season=season)


def periods_to_stay(length: timedelta) -> int:
    """For how many periods in a row a new number has to stay until it is the usual one: three, and a day at least.

    >>> [periods_to_stay(timedelta(hours=hours)) for hours in (1, 24, 168)]
    [24, 3, 3]
    """
    return max(_STAYS, math.ceil(_STAYS_AT_LEAST / length))


def judge_volume(history: Sequence[PeriodRows], current: PeriodRows, length: timedelta) -> Volume:
    """The number of rows of a period, beside those of the periods before it, which are in order and of one length.

    A history begins in the middle of a period, so its first number is left out.

    >>> week = [datetime(2024, 1, 1, tzinfo=UTC) + number * _A_WEEK for number in range(12)]
    >>> before = [PeriodRows(start, 500 + 10 * (number % 3)) for number, start in enumerate(week[:-1])]
    >>> [judge_volume(before, PeriodRows(week[-1], rows), _A_WEEK).verdict for rows in (480, 380, 250, 1000)]
    ['usual', 'rare', 'implausible', 'rare']
    """
    points = [*(history[1:] or history), current]
    effects = _weekday_effects(points[:-1], length)
    chart = _Chart(periods_to_stay(length), length)
    for one in points[:-1]:
        chart.add(_Point(one, one.log - effects.get(_phase(one.start, length), 0.0)))
    return chart.judged(_Point(current, current.log - effects.get(_phase(current.start, length), 0.0)))


def is_as_a_year_ago(before: Sequence[PeriodRows], current: PeriodRows, year_ago: Sequence[PeriodRows], miss: float) -> bool:
    """Whether rows rose or fell against the periods just before them as they did a year ago, to half of a miss.

    `year_ago` is up to the period after the same one a year ago: holidays lie a week to either side.
    """
    levels, then = before[-_PERIODS_BEFORE:], year_ago[:-3][-_PERIODS_BEFORE:]
    if not levels or not then:
        return False
    change = current.log - median(one.log for one in levels)
    changes = [one.log - median(other.log for other in then) for one in year_ago[-3:]]
    return min(abs(change - other) for other in changes) < miss / 2


@dataclass(frozen=True)
class _Point:
    """A period's rows, and their logarithm without what its weekday adds."""

    period: PeriodRows
    log: float


@dataclass
class _Chart:
    """The history up to a period.

    `level` holds its usual numbers, `misses` by how much forecasts from them were wrong, `waiting` the newest periods, which
    stand out and may become the level; `former` is the level before, `accepted_miss` what a person accepted against it.
    """

    patience: int
    length: timedelta
    level: list[float] = field(default_factory=list)
    misses: list[float] = field(default_factory=list)
    variances: list[float] = field(default_factory=list)
    waiting: list[_Point] = field(default_factory=list)
    usual: list[_Point] = field(default_factory=list)
    former: list[float] = field(default_factory=list)
    exceptions: list[datetime] = field(default_factory=list)
    accepted_miss: float | None = None

    def judged(self, point: _Point) -> Volume:
        """The newest period; asked last, because a level that it makes usual is taken in."""
        if not self.level:
            return Volume(point.period.rows, point.period.rows)
        adds, verdict, waited = point.period.log - point.log, self._verdict(point), list(self.waiting)
        expected = _shown(self._forecast + adds)
        before = math.expm1(waited[-1].log - self._forecast) if waited else 0.0
        self.add(point)
        usual = frozenset(one.period.start for one in self.usual)
        return Volume(point.period.rows, expected, verdict, len(waited) + 1, before, usual)

    def add(self, point: _Point) -> None:
        """Take a period into the history."""
        verdict = self._verdict(point)
        if verdict == "accepted" or point.period.accepted:
            self._move_to(point)
        elif verdict == "usual":
            self._learn(point)
        elif self._returns(point):
            self._move_back(point)
        else:
            self.waiting.append(point)

    @property
    def _forecast(self) -> float:
        return median(self.level[-_LEVEL_PERIODS:])

    @property
    def _farthest(self) -> float:
        return max(map(abs, self.misses), default=0.0)

    @property
    def _tolerance(self) -> float:
        """How far from the level is nothing special."""
        return max(_MATERIAL, self._farthest)

    def _verdict(self, point: _Point) -> Verdict:
        if not self.level:
            return "usual"
        if (verdict := self._alone(point)) == "usual":
            return verdict
        stays = len(self._like(point)) + 1 >= self.patience or len(self.waiting) + 1 >= 2 * self.patience
        return "accepted" if point.period.accepted or stays else verdict

    def _alone(self, point: _Point) -> Verdict:
        """What one number says, however long it has stood."""
        if len(self.misses) < FEWEST_PERIODS:
            fewest = min(one.period.rows for one in self.usual)
            return "implausible" if point.period.rows * _IMPLAUSIBLE < fewest else "usual"
        miss = point.log - self._forecast
        if abs(miss) <= self._tolerance or self._p(point, miss) > _FALSE_ALARMS:
            return "usual"
        is_far = -miss > max(_LOST, _FARTHER * self._farthest)
        return "implausible" if is_far and not self._returns(point) else "rare"

    def _p(self, point: _Point, miss: float) -> float:
        """How rarely a forecast of a calm feed misses by as much."""
        history = History(np.array(self.misses)[:, None], np.array(self.variances)[:, None])
        return float(level_p(history, np.array([miss]), np.array([self._sampling(point)]))[0])

    def _sampling(self, point: _Point) -> float:
        """The variance that counting alone gives a miss; of few rows the logarithm varies more than of the usual number."""
        level = math.exp(self._forecast + point.period.log - point.log)
        return 1 / min(math.exp(point.period.log), level) + 1 / (len(self.level[-_LEVEL_PERIODS:]) * level)

    def _like(self, point: _Point) -> list[_Point]:
        """The periods just before it that stand out and have about as many rows."""
        alike: list[_Point] = []
        for one in reversed(self.waiting):
            if abs(one.log - point.log) > max(_ALIKE, self._farthest):
                break
            alike.insert(0, one)
        return alike

    def _learn(self, point: _Point) -> None:
        """A usual number. What stood out before it was an exception: it teaches where it was plausible or trained on."""
        teach = [one for one in self.waiting if self._teaches(one)]
        for one in [*teach, point] if self.level else []:
            self.misses.append(one.log - self._forecast)
            self.variances.append(self._sampling(one))
        self.level.append(point.log)
        self.usual += [*teach, point]
        self.waiting.clear()

    def _teaches(self, exception: _Point) -> bool:
        """Whether a period that stood out alone is how the feed moves: it was plausible, or such periods come back."""
        if exception.period.trained or self._alone(exception) != "implausible":
            return True
        self.exceptions.append(exception.period.start)
        lately = exception.period.start - _OFTEN * self.patience * self.length
        return sum(start > lately for start in self.exceptions) >= self.patience

    def _move_to(self, point: _Point) -> None:
        """A new level, from this period and those that stood out as it does; from all of them where they never agree."""
        alike = [*self._like(point), point]
        if not point.period.accepted and len(alike) < self.patience:
            alike = [*self.waiting, point]
            middle = median(one.log for one in alike)
            self.misses += [one.log - middle for one in alike]
            self.variances += [1 / (one.period.rows + 0.5) for one in alike]
        self.accepted_miss = point.log - self._forecast if point.period.accepted and self.level else None
        self.former, self.level = self.level, [one.log for one in alike]
        self.usual += alike
        self.waiting.clear()

    def _returns(self, point: _Point) -> bool:
        """Whether the level is again where it was before it last moved."""
        return bool(self.former) and abs(point.log - median(self.former[-_LEVEL_PERIODS:])) <= self._tolerance

    def _move_back(self, point: _Point) -> None:
        """The level was left for some periods only. Where a person accepted that, the feed may do so again."""
        self.former, self.level = self.level, self.former
        if self.accepted_miss is not None:
            self.misses.append(self.accepted_miss)
            self.variances.append(0.0)
            self.accepted_miss = None
        self._learn(point)


def _shown(log: float) -> float:
    return max(math.exp(log) - 0.5, 0.0)


def _phase(start: datetime, length: timedelta) -> int:
    """Which part of the week a period is, where weeks are made of whole periods; else 0."""
    in_a_week = _A_WEEK // length if _A_WEEK % length == timedelta(0) else 1
    return (start - datetime(1970, 1, 1, tzinfo=UTC)) // length % max(in_a_week, 1)


def _weekday_effects(history: Sequence[PeriodRows], length: timedelta) -> Mapping[int, float]:
    """What each part of the week adds to the logarithm; empty with less than four weeks."""
    in_a_week = _A_WEEK // length
    if in_a_week < 2 or len(history) < _FEWEST_WEEKS * in_a_week:
        return {}
    logs, by_phase = [one.log for one in history], dict[int, list[float]]()
    for at, one in enumerate(history):
        around = logs[max(0, at - in_a_week // 2) : at + in_a_week // 2 + 1]
        by_phase.setdefault(_phase(one.start, length), []).append(logs[at] - median(around))
    return {phase: median(added[-_NEWEST_WEEKS:]) for phase, added in by_phase.items()}
