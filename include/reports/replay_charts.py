"""The two pictures of a replay, as SVG that takes its colours from the page: the ageing curve, and cost against quality."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from include.decisions.replay.ageing import Aged
from include.decisions.replay.search import CURRENT, DEFAULT, EVERY, RECOMMENDED, STATIC, Replay, Tried
from include.reports.replay_text import dot_title

_WIDTH, _HEIGHT = 860, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 64, 26, 44
_LINE = 17
Scale = Callable[[float], float]
# Where a text begins, its base line, and its width.
Box = tuple[float, float, float]


@dataclass(frozen=True)
class _Frame:
    """Where values are drawn; `x` and `y` go from a value to a place."""

    x: Scale
    y: Scale
    low: float
    high: float


def ageing_picture(replay: Replay) -> str:
    """Points lost against a fresh model by age, with their 95 % band; empty where there is no curve."""
    ageing, point = replay.ageing, replay.point
    if not ageing.curve:
        return ""
    lows, highs = ([getattr(aged.loss, end) / point for aged in ageing.curve] for end in ("low", "high"))
    oldest = ageing.curve[-1].age
    half = ageing.worth / 2 / point
    top = max([*highs, half] if half < 2 * max(highs) else highs)
    frame = _frame(lambda age: (age - 1) / max(oldest - 1, 1), min(0.0, *lows), top)
    parts = [*_grid(frame, [(age, str(age)) for age in _round_steps(1, oldest)], f"age in {replay.unit}s")]
    parts += [_title("points lost against a model trained the period before".replace("period", replay.unit))]
    parts += _band(frame, ageing.curve, lows, highs)
    parts.append(_path("curve", [(frame.x(a.age), frame.y(a.loss.value / point)) for a in ageing.curve]))
    parts += [
        f'<circle class="curve-dot" cx="{frame.x(a.age):.1f}" cy="{frame.y(a.loss.value / point):.1f}" r="3.2">'
        f"<title>age {a.age}: {a.loss.value / point:+.1f} points ({a.loss.low / point:+.1f} to {a.loss.high / point:+.1f}), "
        f"{a.periods} {escape(replay.unit)}s</title></circle>"
        for a in ageing.curve
    ]
    if half <= top:
        parts += _level(frame, half, "half of a fresh model's worth")
    if ageing.shown_at:
        parts += _mark(frame, ageing.shown_at, f"shown from {ageing.shown_at} {replay.unit}s on")
    return _svg(parts, "How a model ages")


def quality_picture(replay: Replay) -> str:
    """Every policy by its retrainings and its gain on the reporting part; the frontier; the named ones with their names."""
    point, every = replay.point, replay.named[EVERY].reporting
    gains = [one.reporting.gain.value / point for one in (*replay.tried, *replay.named.values())]
    most = max(one.reporting.retrains for one in (*replay.tried, *replay.named.values()))
    ceiling = replay.ceiling.value / point
    frame = _frame(lambda retrains: math.sqrt(retrains / max(most, 1)), min(gains), max([*gains, ceiling]))
    ticks = [(k, str(k)) for k in (0, 1, 2, 4, 8, 16, 26, 52, 104) if k <= most]
    parts = _grid(frame, ticks, f"retrainings in the last {replay.reporting_periods} {replay.unit}s (square-root scale)")
    parts += [_title("points gained over the model that never changes")]
    if every.kept is not None:
        parts += _share_axis(frame, every.gain.value / point, replay.unit)
    said = f"ceiling: the best model of each {replay.unit}, with hindsight"
    parts += _level(frame, ceiling, said)
    parts.append(_path("frontier", [(frame.x(x), frame.y(y)) for x, y in _frontier(replay)]))
    parts += [_dot(frame, one, replay, "dot", 3.4) for one in replay.tried]
    written = (_LEFT + 6, frame.y(ceiling) - 6, 6.5 * len(said))
    return _svg([*parts, *_named_dots(frame, replay, written)], "Cost and quality of every policy")


def _named_dots(frame: _Frame, replay: Replay, written: Box) -> list[str]:
    shown = [(name, one) for name, one in replay.named.items() if name != DEFAULT or one.policy != replay.recommended.policy]
    shown.append((RECOMMENDED, replay.recommended))
    classes = {RECOMMENDED: "recommended", CURRENT: "current"}
    dots = [_dot(frame, one, replay, classes.get(name, "named"), 8 if name in classes else 5.5) for name, one in shown]
    places = [
        (frame.x(one.reporting.retrains), frame.y(one.reporting.gain.value / replay.point), _label(name, replay), name)
        for name, one in shown
    ]
    labels = [
        f'<text class="label {classes.get(name, "")}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
        for x, y, anchor, text, name in _without_overlap(places, written)
    ]
    return dots + labels


def _label(name: str, replay: Replay) -> str:
    return {STATIC: "never", EVERY: f"every {replay.unit}"}.get(name, name)


def _without_overlap(
    places: Sequence[tuple[float, float, str, str]], written: Box
) -> list[tuple[float, float, str, str, str]]:
    """Labels beside their dots, moved until none is on another text or on a named dot; the recommended one comes first."""
    taken = [written, *((x - 9, y + 4, 18.0) for x, y, _, _ in places)]
    found = []
    for x, y, text, name in sorted(places, key=lambda place: (place[3] != RECOMMENDED, place[1])):
        width = 7.2 * len(text)
        right = x + 14 + width < _WIDTH - _RIGHT
        start, at = (x + 12 if right else x - 12 - width), y + 4
        steps = [0.0, *(sign * _LINE * step for step in range(1, 8) for sign in (-1, 1))]
        free = [at + step for step in steps if _TOP + 8 < at + step < _HEIGHT - _BOTTOM - 4]
        at = next((place for place in free if _is_free(start, place, width, taken)), at)
        taken.append((start, at, width))
        found.append((start if right else start + width, at, "start" if right else "end", text, name))
    return found


def _is_free(start: float, at: float, width: float, taken: Sequence[Box]) -> bool:
    return all(abs(at - y) >= _LINE - 2 or start > x + w + 6 or x > start + width + 6 for x, y, w in taken)


def _frontier(replay: Replay) -> list[tuple[float, float]]:
    """The most that was gained with so many retrainings or fewer, as steps."""
    best: dict[int, float] = {}
    for one in (*replay.tried, *replay.named.values()):
        part = one.reporting
        best[part.retrains] = max(best.get(part.retrains, -math.inf), part.gain.value / replay.point)
    steps: list[tuple[float, float]] = []
    for retrains, gain in sorted(best.items()):
        if not steps:
            steps.append((retrains, gain))
        elif gain > steps[-1][1]:
            steps += [(retrains, steps[-1][1]), (retrains, gain)]
    return [*steps, (max(best), steps[-1][1])]


# What pictures are made of


def _frame(across: Scale, low: float, high: float) -> _Frame:
    room = (high - low or 1.0) * 0.06
    low, high = low - room, high + room

    def x(value: float) -> float:
        return _LEFT + across(value) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    return _Frame(x, y, low, high)


def _grid(frame: _Frame, ticks: Sequence[tuple[float, str]], name: str) -> list[str]:
    lines = []
    for value in _round_steps(frame.low, frame.high):
        y = frame.y(value)
        lines.append(
            f'<line class="{"axis" if value == 0 else "grid"}" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        lines.append(f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for value, text in ticks:
        lines.append(
            f'<text class="tick" x="{frame.x(value):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{text}</text>'
        )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    return [*lines, f'<text class="name" x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(name)}</text>']


def _round_steps(low: float, high: float) -> list[float]:
    """Some five round values from low to high.

    >>> _round_steps(-0.4, 9.1)
    [0, 2, 4, 6, 8]
    """
    rough = (high - low) / 5 or 1.0
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    if low == 1:
        return [1, *range(max(int(step), 1), int(high) + 1, max(int(step), 1))] if step > 1 else list(range(1, int(high) + 1))
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _title(text: str) -> str:
    return f'<text class="name" x="{_LEFT}" y="14">{escape(text)}</text>'


def _share_axis(frame: _Frame, whole: float, unit: str) -> list[str]:
    shares = [share for share in (0, 25, 50, 75, 100, 125, 150) if frame.low <= whole * share / 100 <= frame.high]
    at = _WIDTH - _RIGHT + 8
    labels = [f'<text class="tick" x="{at}" y="{frame.y(whole * share / 100) + 4:.1f}">{share} %</text>' for share in shares]
    return [*labels, f'<text class="name" x="{_WIDTH}" y="14" text-anchor="end">kept of every {escape(unit)}’s gain</text>']


def _level(frame: _Frame, value: float, text: str) -> list[str]:
    y = frame.y(value)
    return [
        f'<line class="level" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>',
        f'<text class="tick" x="{_LEFT + 6}" y="{y - 6:.1f}">{escape(text)}</text>',
    ]


def _mark(frame: _Frame, age: int, text: str) -> list[str]:
    x = frame.x(age)
    return [
        f'<line class="level" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>',
        f'<text class="tick" x="{x + 6:.1f}" y="{_TOP + 14}">{escape(text)}</text>',
    ]


def _band(frame: _Frame, curve: Sequence[Aged], lows: Sequence[float], highs: Sequence[float]) -> list[str]:
    up = [(frame.x(aged.age), frame.y(high)) for aged, high in zip(curve, highs, strict=True)]
    down = [(frame.x(aged.age), frame.y(low)) for aged, low in zip(curve, lows, strict=True)]
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in [*up, *reversed(down)])
    return [f'<polygon class="band" points="{corners}"/>']


def _dot(frame: _Frame, one: Tried, replay: Replay, kind: str, radius: float) -> str:
    x, y = frame.x(one.reporting.retrains), frame.y(one.reporting.gain.value / replay.point)
    title = escape(dot_title(one, replay))
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"><title>{title}</title></circle>'


def _path(kind: str, places: Sequence[tuple[float, float]]) -> str:
    return f'<path class="{kind}" d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in places)}"/>'


def _svg(parts: Sequence[str], name: str) -> str:
    drawn = "\n".join(parts)
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(name)}">\n{drawn}\n</svg>'
