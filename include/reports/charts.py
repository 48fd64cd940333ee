"""Charts: scales, ticks, a time axis, and labels that do not collide; `templates/charts.html` draws them. Pure and light.

Lengths are those of the view box of each SVG; y grows downwards, as in SVG.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

_LINE = 17
_DATES = 8
# About the width of a letter, and of half a date.
_LETTER, _HALF_DATE = 7.2, 32
# The left end of a text, its base line, and its width.
Box = tuple[float, float, float]


@dataclass(frozen=True)
class Frame:
    """The size of a chart, and the edges of the part of it in which values are drawn."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float


@dataclass(frozen=True)
class Scale:
    """Positions from `start` to `end` for values from `low` to `high`; as a square root if `root`."""

    low: float
    high: float
    start: float
    end: float
    root: bool = False

    def at(self, value: float) -> float:
        """The position of a value; values outside are drawn at the edge.

        >>> [Scale(0, 4, 100, 200, root).at(1) for root in (False, True)]
        [125.0, 150.0]
        """
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low or 1.0)
        return round(self.start + (math.sqrt(share) if self.root else share) * (self.end - self.start), 1)

    def ticks(self) -> tuple["Tick", ...]:
        """Round values with their positions."""
        return tuple(Tick(self.at(value), f"{value:.6g}") for value in round_values(self.low, self.high))


@dataclass(frozen=True)
class Tick:
    """A label on an axis."""

    at: float
    label: str
    anchor: str = "middle"


@dataclass(frozen=True)
class Point:
    """A value with its tooltip; `high` and `low` are the ends of its interval, `kind` the class of its shape."""

    x: float
    y: float
    summary: str
    kind: str = "dot"
    radius: float = 3.4
    high: float | None = None
    low: float | None = None

    @property
    def place(self) -> tuple[float, float]:
        """Where its middle is."""
        return self.x, self.y


@dataclass(frozen=True)
class Label:
    """A text."""

    x: float
    y: float
    text: str
    kind: str = ""
    anchor: str = "start"

    @property
    def box(self) -> Box:
        """The space that it takes."""
        width = _LETTER * len(self.text)
        return self.x - (width if self.anchor == "end" else 0), self.y, width


@dataclass(frozen=True)
class TimeAxis:
    """Time from left to right: each period is `step` wide, and `at` its start is the middle of that."""

    moments: tuple[datetime, ...]
    left: float
    right: float

    def at(self, moment: datetime) -> float:
        """The middle of a period; outside of the periods, the first or the last one."""
        share = min(max(self._share(moment), 0.0), 1.0)
        return round(self.left + self.step / 2 + share * (self.right - self.left - self.step), 1)

    def edge(self, moment: datetime) -> float:
        """The border between two periods, at which something begins or ends."""
        if self.moments[0] == self.moments[-1]:
            return round(self.at(moment) + self.step / (2 if moment > self.moments[0] else -2), 1)
        border = self.left + self._share(moment) * (self.right - self.left - self.step)
        return round(min(max(border, self.left), self.right), 1)

    def _share(self, moment: datetime) -> float:
        span = (self.moments[-1] - self.moments[0]).total_seconds()
        return (moment - self.moments[0]).total_seconds() / span if span else 0.5

    @property
    def step(self) -> float:
        """The width of a period."""
        return round((self.right - self.left) / max(len(self.moments), 2), 2)

    @property
    def dates(self) -> list[Tick]:
        """A few dates, evenly among the periods; one at the right edge ends there."""
        every = math.ceil(len(self.moments) / _DATES)
        places = [(self.at(moment), f"{moment:%Y-%m-%d}") for moment in self.moments[::every]]
        return [Tick(x, date) if x + _HALF_DATE < self.right else Tick(self.right, date, "end") for x, date in places]


def round_values(low: float, high: float) -> list[float]:
    """Two to seven round numbers between two.

    >>> round_values(0.63, 0.77)
    [0.65, 0.7, 0.75]
    """
    largest = (high - low) / 2.5
    size = 10.0 ** math.floor(math.log10(largest))
    step = max(size * factor for factor in (1, 2, 5) if factor == 1 or size * factor <= largest)
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def widened(values: Iterable[float]) -> tuple[float, float]:
    """The range of some values with a margin; also where they are all the same, or none."""
    values = list(values)
    low, high = min(values, default=0.0), max(values, default=1.0)
    margin = 0.07 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


def beside(points: Sequence[Label], frame: Frame, taken: Sequence[Box]) -> list[Label]:
    """Labels beside their points, moved up or down until they are on no other text; the first is placed first."""
    taken, placed = list(taken), []
    for point in points:
        right = point.x + 14 + point.box[2] < frame.right
        label = replace(point, x=point.x + (12 if right else -12), y=point.y + 4, anchor="start" if right else "end")
        steps = [0.0, *(sign * _LINE * step for step in range(1, 8) for sign in (-1, 1))]
        inside = [replace(label, y=label.y + s) for s in steps if frame.top + 8 < label.y + s < frame.bottom - 4]
        label = next((each for each in inside if _is_free(each.box, taken)), label)
        taken.append(label.box)
        placed.append(label)
    return placed


def _is_free(box: Box, taken: Sequence[Box]) -> bool:
    start, at, width = box
    return all(abs(at - y) >= _LINE - 2 or start > x + w + 6 or x > start + width + 6 for x, y, w in taken)
