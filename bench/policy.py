"""How often should one retrain? The usual policies on the same real histories, and what replay recommends.

Every history is replayed as the DAG does it, with the frames in memory: one model a week and window, scored in every later
week, labels as late as they are. Policies are chosen on the first half of the weeks and reported on the second.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench import results
from bench.histories import HISTORIES as PUBLIC
from demo.upstream import FLIGHTS, FRAUD, INTENTS, SEARCHES, Stream
from include.decisions.replay.plan import plan_backtest
from include.decisions.replay.scores import backtest_of
from include.decisions.replay.search import DEFAULT, EVERY, RECOMMENDED, STATIC, PolicyScore, Replay, point_of, replay
from include.decisions.replay.simulation import Backtest
from include.decisions.scoring.metrics import primary_metric
from include.models import find_model
from include.models.contract import Model
from include.own_columns import LABEL_DELIVERED
from include.periods import in_a_word
from include.reports.replay_text import ageing_in_words, recommendation
from include.steps.refit import refit

_USUAL = (EVERY, "every 4 weeks", "every 13 weeks")
POLICIES = (STATIC, *_USUAL, "PSI above 0.2", DEFAULT, RECOMMENDED)


@dataclass(frozen=True)
class ReplayedHistory:
    """One history: model, rows, windows (the model's own first; none: the usual ones), what was changed in words."""

    model: Model
    rows: Callable[[], pd.DataFrame]
    windows: tuple[int | None, ...] = ()
    changed: str = ""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name


def _of_the_demo(stream: Stream, windows: tuple[int | None, ...], one_in: int = 1, changed: str = "") -> ReplayedHistory:
    """Every `one_in`-th row; where rows are left out, without the noisy copies too: they double a text model's cost."""
    model = find_model(stream.name)

    def rows() -> pd.DataFrame:
        return stream.history().sort_values(model.feed.time, kind="stable").iloc[::one_in]

    return ReplayedHistory(model.with_candidate(augment=None) if one_in > 1 else model, rows, windows, changed)


def _public(name: str) -> ReplayedHistory:
    history = PUBLIC[name]
    return ReplayedHistory(history.model, history.rows, changed="one row in two" if history.one_in == 2 else "")


HISTORIES = (
    _of_the_demo(FLIGHTS, (None, 13)),
    _of_the_demo(SEARCHES, (26, 52), one_in=6, changed="one row in six, trained on clean texts only"),
    _of_the_demo(INTENTS, (40,), one_in=2, changed="one row in two"),
    _of_the_demo(FRAUD, (26,), one_in=3, changed="one row in three"),
    *map(
        _public,
        (
            "traffic_volume",
            "nebraska_rain",
            "beijing_dust",
            "bike_rides",
            "tweet_devices",
            "bird_strikes_months",
            "hotel_rates",
        ),
    ),
)


def main(names: list[str]) -> int:
    """Replay the histories of these models, the others as they were, or all; print the tables, write the result."""
    earlier = results.read("policy").get("figures", {}).get("histories", {}) if names else {}
    measured = {h.name: measure(h) for h in HISTORIES if not names or h.name in names}
    figures = earlier | measured
    report({h.name: figures[h.name] for h in HISTORIES if h.name in figures})
    return 0


def measure(history: ReplayedHistory) -> dict[str, Any]:
    """The figures of one history."""
    began = time.process_time()
    model = history.model
    backtest = backtest_for(history)
    metric = primary_metric(model)
    answer = replay(backtest, model, point_of(metric.name, metric.own))
    seconds = time.process_time() - began
    print(f"\n{model.name}: {recommendation(answer, model)}\n{ageing_in_words(answer)}\n", flush=True)
    table = pd.DataFrame(_lines(answer, model)).set_index("policy")
    print(table.to_string(float_format=lambda figure: f"{figure:.3f}"), flush=True)
    return {
        "metric": metric.name,
        "history": history.changed or "as published",
        "models": len(backtest.plan.fits),
        "weeks of tuning": answer.tuning_periods,
        "weeks reported": answer.reporting_periods,
        "recommended": answer.recommended.policy.in_words(in_a_word(model.feed.period)),
        "sentence": recommendation(answer, model),
        "ceiling": answer.ceiling.value,
        "half-life, weeks": answer.ageing.half_life,
        "ageing": [[aged.age, round(aged.loss.value, 5)] for aged in answer.ageing.curve],
        "cpu seconds": round(seconds),
        "policies": table.reset_index().to_dict("records"),
    }


def backtest_for(history: ReplayedHistory) -> Backtest:
    """Fit and score every backtest model, with a line of progress."""
    model = history.model
    rows = history.rows().assign(**{LABEL_DELIVERED: True}).reset_index(drop=True)
    until = model.period_of(rows[model.feed.time].max().to_pydatetime())
    plan = plan_backtest(rows, model, until, history.windows)
    tables = []
    for number, fit in enumerate(plan.fits, start=1):
        tables.append(refit(model, rows, plan, fit))
        if number % 10 == 0:
            print(f"{model.name}: {number} of {len(plan.fits)} models", file=sys.stderr, flush=True)
    return backtest_of(plan, tables, model.criteria.margin)


def _lines(answer: Replay, model: Model) -> Iterator[dict[str, Any]]:
    named = answer.named | {RECOMMENDED: answer.recommended}
    for name in POLICIES:
        if name in named:
            yield {"policy": name} | _figures(named[name].reporting, answer) | _without_gate(answer.ungated[name].reporting)


def _figures(part: PolicyScore, answer: Replay) -> dict[str, Any]:
    return {
        "points": part.gain.value / answer.point,
        "low": part.gain.low / answer.point,
        "high": part.gain.high / answer.point,
        "kept": part.kept,
        "retrains": part.retrains,
        "promoted": part.promoted,
        "net": part.net,
    }


def _without_gate(part: PolicyScore) -> dict[str, Any]:
    return {"kept without gate": part.kept, "net without gate": part.net}


def table(histories: dict[str, Any]) -> str:
    """What docs/replay.md shows: for each history and policy the share kept, the retrainings, and the net value a week."""
    lines = ["| history, metric | " + " | ".join(POLICIES) + " |", "| --- |" + " --- |" * len(POLICIES)]
    for name, figures in histories.items():
        by_policy = {line["policy"]: _cell(line) for line in figures["policies"]}
        lines.append(f"| {name}, {figures['metric']} | " + " | ".join(by_policy.get(one, "") for one in POLICIES) + " |")
    return "\n".join(lines)


def _cell(line: dict[str, Any]) -> str:
    kept = "not shown" if line["kept"] is None else f"{line['kept']:.0%}"
    return f"{kept} ({line['retrains']}), {line['net']:+.0f} EUR"


def report(histories: dict[str, Any]) -> None:
    """Keep the answer, with the recommendation's net value as a share of the best usual cadence's, picked with hindsight."""
    print(table(histories))
    shares = {}
    for name, figures in histories.items():
        nets = {line["policy"]: line["net"] for line in figures["policies"]}
        best = max(nets[usual] for usual in _USUAL if usual in nets)
        if best <= 0:
            print(f"{name:20} no usual cadence is worth anything; the recommended one: {nets[RECOMMENDED]:+.0f} EUR")
            continue
        shares[name] = nets[RECOMMENDED] / best
        print(f"{name:20} {shares[name]:.3f} of the best usual cadence's net value")
    aims = {"of the best usual cadence": "at least 0.95 on every history where one is worth anything"}
    met = all(share >= 0.95 for share in shares.values())
    results.write("policy", {"histories": histories, "of the best usual cadence": shares}, aims, met)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
