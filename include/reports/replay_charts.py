"""What the two charts of a replay show: how models age, and what every policy costs and brings. Pure."""

import math
from dataclasses import dataclass
from itertools import pairwise

from include.decisions.replay.search import CURRENT, DEFAULT, EVERY, RECOMMENDED, STATIC, PolicyResult, Replay
from include.reports.charts import Frame, Label, Point, Scale, Tick, beside, round_values, widened
from include.reports.replay_text import dot_title, lost

FRAME = Frame(width=860, height=400, left=56, right=796, top=26, bottom=356)
_COUNTS = (0, 1, 2, 4, 8, 16, 26, 52, 104)
_SHARES = (0, 25, 50, 75, 100, 125, 150)
_KINDS = {RECOMMENDED: "recommended", CURRENT: "current"}
Place = tuple[float, float]


@dataclass(frozen=True)
class AgeingChart:
    """Points lost against a fresh model, by age; `half` is where half of its worth is lost, `shown_at` where loss is shown."""

    points: tuple[Point, ...]
    band: tuple[Place, ...]
    half: float | None
    shown_at: float | None
    labels: tuple[Label, ...]
    losses: tuple[Tick, ...]
    ages: tuple[Tick, ...]


@dataclass(frozen=True)
class PolicyChart:
    """Every policy by its retrainings and its gain, the frontier, and the named policies with their names."""

    dots: tuple[Point, ...]
    named: tuple[Point, ...]
    frontier: tuple[Place, ...]
    ceiling: float
    labels: tuple[Label, ...]
    gains: tuple[Tick, ...]
    counts: tuple[Tick, ...]
    shares: tuple[Tick, ...]


def ageing_chart(replay: Replay) -> AgeingChart | None:
    """The loss at each age on the reporting part, with its 95 % band; None where there is no curve."""
    curve, shown_from, point = replay.ageing.curve, replay.ageing.shown_at, replay.point
    if not curve:
        return None
    half = replay.ageing.worth / 2 / point
    lows, highs = ([getattr(aged.loss, end) / point for aged in curve] for end in ("low", "high"))
    near = half < 2 * max(highs)
    x = Scale(1, curve[-1].age, FRAME.left, FRAME.right)
    y = Scale(*widened([0.0, *lows, *highs, *([half] if near else [])]), FRAME.bottom, FRAME.top)
    labels = [Label(FRAME.left + 6, y.at(half) - 6, "half of a fresh model's worth", "tick")] if near else []
    if shown_from:
        text = Label(x.at(shown_from) - 6, FRAME.top + 12, f"shown from {shown_from} {replay.unit}s on", "tick")
        labels += beside([text], FRAME, [label.box for label in labels])
    points = tuple(
        Point(
            x.at(aged.age),
            y.at(aged.loss.value / point),
            f"age {aged.age}: {lost(aged.loss, replay)}, {aged.periods} {replay.unit}s",
            radius=3.2,
        )
        for aged, low, high in zip(curve, lows, highs, strict=True)
    )
    upper, lower = ([(one.x, y.at(end)) for one, end in zip(points, ends, strict=True)] for ends in (highs, lows))
    return AgeingChart(
        points=points,
        band=(*upper, *reversed(lower)),
        half=y.at(half) if near else None,
        shown_at=x.at(shown_from) if shown_from else None,
        labels=tuple(labels),
        losses=y.ticks(),
        ages=tuple(Tick(x.at(age), str(age)) for age in _ages(curve[-1].age)),
    )


def _ages(longest_age: int) -> list[int]:
    """The first age, and round ones after it.

    >>> _ages(32), _ages(3)
    ([1, 10, 20, 30], [1, 2, 3])
    """
    return (
        [1, *(int(age) for age in round_values(0, longest_age) if age == int(age) and age > 1)]
        if longest_age > 5
        else list(range(1, longest_age + 1))
    )


def policy_chart(replay: Replay) -> PolicyChart:
    """Cost and quality of every policy on the reporting part."""
    policies, point = (*replay.tried, *replay.named.values()), replay.point
    ceiling, every = replay.ceiling.value / point, replay.named[EVERY].reporting
    x = Scale(0, max(1, *(one.reporting.retrains for one in policies)), FRAME.left, FRAME.right, root=True)
    y = Scale(*widened([ceiling, *(one.reporting.gain.value / point for one in policies)]), FRAME.bottom, FRAME.top)

    def place(one: PolicyResult) -> Place:
        return x.at(one.reporting.retrains), y.at(one.reporting.gain.value / point)

    named = [(name, one) for name, one in replay.named.items() if name != DEFAULT or one.policy != replay.recommended.policy]
    named.append((RECOMMENDED, replay.recommended))
    text = Label(FRAME.left + 6, y.at(ceiling) - 6, f"ceiling: the best model of each {replay.unit}, with hindsight", "tick")
    whole = every.gain.value / point if every.kept is not None else 0.0
    return PolicyChart(
        dots=tuple(Point(*place(one), dot_title(one, replay), "tried") for one in replay.tried),
        named=tuple(
            Point(*place(one), dot_title(one, replay), _KINDS.get(name, "named"), 8 if name in _KINDS else 5.5)
            for name, one in named
        ),
        frontier=_frontier([place(one) for one in policies]),
        ceiling=y.at(ceiling),
        labels=(text, *_names([(name, *place(one)) for name, one in named], text, replay)),
        gains=y.ticks(),
        counts=tuple(Tick(x.at(count), str(count)) for count in _COUNTS if count <= x.high),
        shares=tuple(
            Tick(y.at(whole * share / 100), f"{share} %")
            for share in _SHARES
            if whole and y.low <= whole * share / 100 <= y.high
        ),
    )


def _names(named: list[tuple[str, float, float]], ceiling: Label, replay: Replay) -> list[Label]:
    """The names of policies beside their dots, on no other text and no other dot; the recommended one is placed first."""
    # What was not shown to be better is not recommended.
    best = RECOMMENDED if replay.is_better else "best that was tried"
    names = {STATIC: "never", EVERY: f"every {replay.unit}", RECOMMENDED: best}
    ordered = sorted(named, key=lambda one: (one[0] != RECOMMENDED, one[2]))
    wanted = [Label(x, y, names.get(name, name), f"label {_KINDS.get(name, '')}".strip()) for name, x, y in ordered]
    return beside(wanted, FRAME, [ceiling.box, *((x - 9, y + 4, 18.0) for _, x, y in named)])


def _frontier(places: list[Place]) -> tuple[Place, ...]:
    """The most that was gained with so many retrainings or fewer, as steps; higher is a smaller y.

    >>> _frontier([(0, 9), (1, 5), (1, 7), (2, 6), (3, 4)])
    ((0, 9), (1, 9), (1, 5), (3, 5), (3, 4))
    """
    best: list[Place] = []
    for x, y in sorted(places):
        if y < min((height for _, height in best), default=math.inf):
            best.append((x, y))
    steps = [step for before, after in pairwise(best) for step in ((after[0], before[1]), after)]
    end = max(x for x, _ in places)
    return (best[0], *steps, *([(end, best[-1][1])] if end > best[-1][0] else []))
