"""The page of a replay: one file that needs nothing else, light or dark, from 600 pixels of width on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.decisions.replay.bootstrap import Interval
from include.decisions.replay.search import CURRENT, EVERY, RECOMMENDED, STATIC, Replay
from include.models.contract import Model
from include.reports.pages import render
from include.reports.replay_charts import FRAME, ageing_chart, policy_chart
from include.reports.replay_settings import to_paste
from include.reports.replay_text import (
    advice,
    ageing_in_words,
    corrections_in_words,
    in_points,
    minus,
    money,
    prices,
    reason,
    returning_in_words,
    times,
)


@dataclass(frozen=True)
class PageFacts:
    """Where the page comes from: the model, the periods that were scored, and how many models were trained."""

    model: Model
    as_of: datetime
    first: datetime
    last: datetime
    models: int
    digest: str


def replay_page(replay: Replay, facts: PageFacts) -> str:
    """The whole page; every text of the model's is escaped."""
    tuned = replay.recommended.tuning
    return render(
        "replay.html",
        replay=replay,
        facts=facts,
        frame=FRAME,
        answer=advice(replay),
        reason=reason(replay, facts.model),
        tiles=_tiles(replay, facts.model),
        policies=policy_chart(replay),
        ageing=ageing_chart(replay),
        ageing_text=ageing_in_words(replay),
        corrections=corrections_in_words(replay),
        returning=returning_in_words(replay),
        rows=[_row(name, replay) for name in (RECOMMENDED, *replay.named)],
        ceiling=_points(replay.ceiling, replay),
        tuned_gain=in_points(tuned.gain, replay),
        tuned_retrains=times(tuned.retrains),
        prices=prices(replay, facts.model),
        paste=to_paste(replay.recommended.policy, facts.model) if replay.is_better else [],
        gain_unit=_gain_unit(facts.model, replay),
        windows=", ".join("all history" if size is None else f"the newest {size} {replay.unit}s" for size in replay.windows),
    )


def _tiles(replay: Replay, model: Model) -> list[tuple[str, str]]:
    part, every, more = replay.recommended.reporting, replay.named[EVERY].reporting, replay.against_current
    unit, half = replay.unit, replay.ageing.half_life
    longest_age = replay.ageing.curve[-1].age if replay.ageing.curve else 0
    return [
        (_share(part.kept) or "not shown", f"of the gain of retraining every {unit}"),
        (f"{part.retrains} of {every.retrains}", f"retrainings in {replay.reporting_periods} {unit}s"),
        (
            money(more.value, model),
            f"a {unit} against the current settings ({minus(f'{more.low:+,.0f} to {more.high:+,.0f}')})",
        ),
        (f"{half:g} {unit}s" if half else f"> {longest_age} {unit}s", "half-life of a model"),
    ]


def _row(name: str, replay: Replay) -> dict[str, Any]:
    policy = replay.recommended if name == RECOMMENDED else replay.named[name]
    part, ungated = policy.reporting, replay.ungated[name].reporting
    gain, interval = _points(part.gain, replay)
    over = replay.against_current if name == RECOMMENDED else replay.over_current[name]
    kind = "recommended" if replay.is_better else ""
    return {
        "kind": {RECOMMENDED: kind, CURRENT: "current"}.get(name, ""),
        "name": _name(name, replay),
        "policy": "the first model, for ever" if name == STATIC else policy.policy.in_words(replay.unit),
        "gain": gain,
        "interval": interval,
        "share": _share(part.kept),
        "retrains": part.retrains,
        "promoted": part.promoted,
        "net": minus(f"{part.net:+,.0f}"),
        "over": "" if name == CURRENT else minus(f"{over.value:+,.0f}"),
        "over_interval": "" if name == CURRENT else minus(f"({over.low:+,.0f} to {over.high:+,.0f})"),
        "ungated": minus(f"{ungated.gain.value / replay.point:+.1f}"),
        "ungated_share": _share(ungated.kept),
    }


def _name(name: str, replay: Replay) -> str:
    if name == RECOMMENDED and not replay.is_better:
        return "best that was tried, not shown to be better"
    return f"every {replay.unit}" if name == EVERY else name


def _gain_unit(model: Model, replay: Replay) -> str:
    """What the gains in the table are counted in."""
    lower_error = model.criteria.metric in ("mae", "rmse", "pinball") and model.label.unit
    return f"{model.label.unit} lower error" if lower_error else f"points of {model.criteria.metric}"


def _points(gain: Interval, replay: Replay) -> tuple[str, str]:
    """A gain and its interval, without the unit."""
    value, interval = in_points(gain, replay).split(" points ")
    return value, interval


def _share(kept: float | None) -> str:
    return "" if kept is None else f"{kept:.0%}"
