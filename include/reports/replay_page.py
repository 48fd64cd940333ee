"""The page of a replay: one file that needs nothing else, light or dark, from 600 pixels of width on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from include.decisions.replay.bootstrap import Interval
from include.decisions.replay.search import CURRENT, EVERY, RECOMMENDED, STATIC, Replay, Tried
from include.models.contract import Model
from include.reports.replay_charts import ageing_picture, quality_picture
from include.reports.replay_text import advice, ageing_in_words, in_points, minus, money, reason, times

_STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --ink: #1c2024; --soft: #60646c; --line: #e3e5e8; --card: #f6f7f9;
  --accent: #1f6feb; --accent-soft: #1f6feb22; --current: #c2570c; --dot: #8a8f9866; }
@media (prefers-color-scheme: dark) { :root { --page: #14171a; --ink: #edeef0; --soft: #a1a7af; --line: #2c3137;
  --card: #1c2024; --accent: #6cb0ff; --accent-soft: #6cb0ff2b; --current: #ffa057; --dot: #a1a7af59; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 920px; margin: 0 auto; padding: 24px 24px 48px; }
h1 { font-size: 15px; font-weight: 600; color: var(--soft); margin: 0 0 10px; }
h2 { font-size: 18px; margin: 34px 0 4px; }
p { margin: 6px 0; } .soft { color: var(--soft); }
.answer { font-size: 25px; line-height: 1.28; font-weight: 700; margin: 0 0 6px; text-wrap: balance; }
.reason { font-size: 17px; margin: 0 0 18px; text-wrap: pretty; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; }
.tile b { display: block; font-size: 24px; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 13px; }
svg { width: 100%; height: auto; display: block; margin-top: 10px; overflow: visible; }
svg text { font-size: 12.5px; fill: var(--ink); paint-order: stroke; stroke: var(--page); stroke-width: 3.5px;
  stroke-linejoin: round; } svg .tick, svg .name { fill: var(--soft); }
.grid { stroke: var(--line); } .axis { stroke: var(--soft); } .level { stroke: var(--soft); stroke-dasharray: 4 4; }
.curve, .frontier { fill: none; stroke: var(--accent); stroke-width: 2.2; } .frontier { stroke-width: 1.4; opacity: .65; }
.curve-dot { fill: var(--accent); } .band { fill: var(--accent-soft); } .dot { fill: var(--dot); }
.named { fill: var(--page); stroke: var(--ink); stroke-width: 1.8; }
circle.recommended { fill: var(--accent); stroke: var(--page); stroke-width: 2; }
circle.current { fill: var(--current); stroke: var(--page); stroke-width: 2; }
svg text.label.recommended { fill: var(--accent); font-weight: 700; font-size: 14px; }
svg text.label.current { fill: var(--current); font-weight: 600; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin-top: 10px; font-variant-numeric: tabular-nums; }
th { font-size: 12.5px; font-weight: 600; color: var(--soft); text-align: right; vertical-align: bottom; }
th, td { padding: 7px 10px; border-bottom: 1px solid var(--line); } td { text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal; padding-left: 8px; } td small { color: var(--soft); }
tr.recommended td { background: var(--accent-soft); } tr.recommended td:first-child b { color: var(--accent); }
tr.current td:first-child b { color: var(--current); }
li { margin: 5px 0; } ul { padding-left: 20px; margin: 8px 0; } code { font-size: 13px; }
"""


@dataclass(frozen=True)
class PageFacts:
    """What the page says about where it comes from; `point_in_words` is what one point is."""

    model: Model
    as_of: datetime
    first: datetime
    last: datetime
    models: int
    digest: str


def replay_page(replay: Replay, facts: PageFacts) -> str:
    """The whole page; every text of the model's is escaped."""
    model = facts.model
    title = f"{model.name}: how often should it be retrained?"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="answer">{escape(advice(replay))}</p>',
        f'<p class="reason">{escape(_capital(reason(replay, model)))}</p>',
        _tiles(replay, model),
        "<h2>What retraining costs, and what it brings</h2>",
        f"<p>{escape(_how_to_read(replay))}</p>",
        quality_picture(replay),
        "<h2>How a model ages</h2>",
        f"<p>{escape(ageing_in_words(replay))}</p>",
        ageing_picture(replay),
        f"<h2>Named policies, on the last {replay.reporting_periods} {replay.unit}s</h2>",
        _table(replay, model),
        "<h2>What to keep in mind</h2>",
        _list(_caveats(replay, model)),
        "<h2>Where it comes from</h2>",
        _list(_origin(replay, facts)),
    ]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _tiles(replay: Replay, model: Model) -> str:
    part, every = replay.recommended.reporting, replay.named[EVERY].reporting
    more = replay.against_current
    half = replay.ageing.half_life
    oldest = replay.ageing.curve[-1].age if replay.ageing.curve else 0
    tiles = [
        ("not shown" if part.kept is None else f"{part.kept:.0%}", f"kept of the gain of retraining every {replay.unit}"),
        (f"{part.retrains} <small>of {every.retrains}</small>", f"retrainings in {replay.reporting_periods} {replay.unit}s"),
        (
            escape(money(more.value, model)),
            f"a {replay.unit} against the current settings ({minus(f'{more.low:+,.0f} to {more.high:+,.0f}')})",
        ),
        (f"{half:g} {replay.unit}s" if half else f"&gt; {oldest} {replay.unit}s", "half-life of a model"),
    ]
    shown = "".join(f'<div class="tile"><b>{value}</b><span>{escape(said)}</span></div>' for value, said in tiles)
    return f'<div class="tiles">{shown}</div>'


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _how_to_read(replay: Replay) -> str:
    return (
        f"Every dot is one of {len(replay.tried)} policies, living through the same history with the gate between challenger "
        "and champion. Further left is cheaper, higher is better; the line is the most that was gained at a cost. "
        "Point at a dot to read which policy it is."
    )


def _table(replay: Replay, model: Model) -> str:
    rows = [(RECOMMENDED, replay.recommended), *replay.named.items()]
    head = (
        "policy",
        "gain over never, points",
        "kept",
        "retrainings",
        "promoted",
        f"net, {model.retraining.worth.currency} a {replay.unit}",
        "without the gate: points, kept",
    )
    lines = [_line(name, one, replay.ungated[name], replay, model) for name, one in rows]
    named = f"<b>ceiling</b><br><small>the best model of each {escape(replay.unit)}, with hindsight</small>"
    lines.append(f"<tr><td>{named}</td><td>{_points(replay.ceiling, replay)}</td>{'<td></td>' * 5}</tr>")
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f'<div class="wide"><table><thead><tr>{cells}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _line(name: str, one: Tried, ungated: Tried, replay: Replay, model: Model) -> str:
    part, free = one.reporting, ungated.reporting
    label = f"every {replay.unit}" if name == EVERY else name
    words = "the first model, for ever" if name == STATIC else one.policy.in_words(replay.unit)
    cells = [
        f"<b>{escape(label)}</b><br><small>{escape(words)}</small>",
        _points(part.gain, replay),
        _share(part.kept),
        str(part.retrains),
        str(part.promoted),
        minus(f"{part.net:+,.0f}"),
        f"{minus(f'{free.gain.value / replay.point:+.1f}')} <small>{_share(free.kept)}</small>",
    ]
    kind = {RECOMMENDED: ' class="recommended"', CURRENT: ' class="current"'}.get(name, "")
    return f"<tr{kind}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _points(gain: Interval, replay: Replay) -> str:
    value, interval = in_points(gain, replay).split(" points ")
    return f"{value} <small>{interval}</small>"


def _share(kept: float | None) -> str:
    return "" if kept is None else f"{kept:.0%}"


def _caveats(replay: Replay, model: Model) -> list[str]:
    unit = replay.unit
    return [
        _how_chosen(replay),
        "Only policies that retrain some day, whatever the data say, are recommended; one with a trigger only where it brings "
        "clearly more than the best plain cadence; another window only where it is shown to be better than the model's own.",
        "The dots are the reporting part too. Choosing the highest dot by eye would be choosing by luck.",
        f"Prices: one retraining costs {model.retraining.worth.retrain:,.0f} {model.retraining.worth.currency}, one point for one {unit} is worth "
        f"{model.retraining.worth.point:,.0f} {model.retraining.worth.currency} (worth= in the model's file). A point is {replay.point:g} of "
        f"{model.criteria.metric}. Other prices give another answer.",
        "The gate of the replay is the routine lane on clean rows: no noise, slices or budgets. Models older than the first "
        "one are not there; with all history as the window, early models also had fewer rows to learn from, so their ageing "
        "holds that too.",
        f"The ceiling picks the best model of each {unit} after the fact, so part of it is luck that no policy can have.",
        "95 % intervals are from resampling blocks of neighbouring periods; with few periods they are a little too narrow.",
    ]


def _how_chosen(replay: Replay) -> str:
    tuned, unit = replay.recommended.tuning, replay.unit
    chosen = (
        f"Policies are chosen on the first {replay.tuning_periods} {unit}s, by their net value, and reported on the last "
        f"{replay.reporting_periods}."
    )
    if replay.grounds != "tuned":
        return f"{chosen} What was chosen did not hold there, so it is not recommended."
    return (
        f"{chosen} Where it was chosen, the recommended one gained {in_points(tuned.gain, replay)} with "
        f"{times(tuned.retrains)}: the best of many is lucky there, so believe the figures of the reporting part."
    )


def _origin(replay: Replay, facts: PageFacts) -> list[str]:
    model, unit = facts.model, replay.unit
    windows = ", ".join("all history" if window is None else f"the newest {window} {unit}s" for window in replay.windows)
    return [
        f"{model.name} ({model.owner}): {model.description}",
        f"{facts.models} models, one for each {unit} and window ({windows}), trained as of its end without the periods held "
        f"out then, and scored in every later {unit}; {len(replay.tried)} policies looked up in the table.",
        f"As of {facts.as_of:%Y-%m-%d %H:%M} UTC; scored from {facts.first:%Y-%m-%d} to {facts.last:%Y-%m-%d}. A label counts "
        f"from {model.feed.label_delay.days} days after its row on, for training, for triggers and for the gate.",
        f"Replay {facts.digest}.",
    ]


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"
