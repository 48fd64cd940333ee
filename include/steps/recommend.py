"""Recommend: simulate every policy on the backtest, and recommend how often to retrain.

In: the backtest models. Out: the recommendation in a sentence, and the page that shows why, kept in MLflow. Policies are
look-ups, so hundreds of them take seconds. Changes no cadence: a person does, in the model's file. Safe to run again: the page
of the same replay is written over.
"""

import json
import logging
import math

from include.decisions.replay.plan import BacktestPlan
from include.decisions.replay.scores import backtest_of
from include.decisions.replay.search import FEWEST_PERIODS, RECOMMENDED, PolicyScore, Replay, point_of, replay
from include.decisions.replay.simulation import Backtest
from include.decisions.scoring.metrics import primary_metric
from include.models.contract import Model
from include.reports.replay_page import PageFacts, replay_page
from include.reports.replay_text import ageing_in_words, recommendation
from include.results import Recommended, Refitted
from include.services import Services, StepContext

IF_IT_FAILS = "The backtest models are kept on the lake: clear the task. The champion and its cadence are unchanged."

_log = logging.getLogger(__name__)


def run(context: StepContext, refitted: Refitted) -> Recommended:
    """The recommendation and its page."""
    services, model, request = context.services, context.model, context.request
    if refitted.digest is None:
        return Recommended(summary=f"nothing to recommend: {refitted.skipped}")
    backtest = _backtest(services, model, refitted.digest)
    if len(backtest.scored) < FEWEST_PERIODS:
        sentence = f"{model.criteria.metric} has a value in {len(backtest.scored)} periods, {FEWEST_PERIODS} are needed"
        return Recommended(summary=f"nothing to recommend: {sentence}")
    metric = primary_metric(model)
    result = replay(backtest, model, point_of(metric.name, metric.own))
    sentence = recommendation(result, model)
    _log.info("%s", ageing_in_words(result))
    starts = backtest.plan.starts
    facts = PageFacts(
        model=model,
        as_of=request.as_of,
        first=starts[backtest.scored[0]],
        last=starts[backtest.scored[-1]],
        models=len(backtest.plan.fits),
        digest=refitted.digest,
    )
    files = {"replay.html": replay_page(result, facts), "replay.json": _as_json(result, sentence)}
    tags = {"recommendation": sentence[:500], "pipeline_run": request.run_id}
    return Recommended(
        recommendation=sentence,
        report_url=services.registry.log_replay(model.name, refitted.digest, files, tags),
        periods=len(backtest.scored),
        models=len(backtest.plan.fits),
        summary=sentence,
    )


def _backtest(services: Services, model: Model, digest: str) -> Backtest:
    plan = services.lake.plan(model.name, digest, BacktestPlan)
    keys = [services.lake.replay_key(model.name, digest, fit.name) for fit in plan.fits]
    return backtest_of(plan, [services.lake.read_table(key) for key in keys], model.criteria.margin)


def _as_json(result: Replay, recommendation: str) -> str:
    """The figures behind the page, for machines; what is not a number becomes null."""

    def figures(part: PolicyScore) -> dict[str, float | None]:
        return {
            "gain": part.gain.value,
            "low": part.gain.low,
            "high": part.gain.high,
            "kept": part.kept,
            "retrains": part.retrains,
            "promoted": part.promoted,
            "net": part.net,
        }

    named = result.named | {RECOMMENDED: result.recommended}
    document = {
        "recommendation": recommendation,
        "shown_to_be_better": result.is_better,
        "over_current": {
            name: {"value": more.value, "low": more.low, "high": more.high}
            for name, more in {**result.over_current, RECOMMENDED: result.against_current}.items()
        },
        "unit": result.unit,
        "policies": {
            name: {
                "words": one.policy.in_words(result.unit),
                "tuning": figures(one.tuning),
                "reporting": figures(one.reporting),
            }
            for name, one in named.items()
        },
        "ceiling": result.ceiling.value,
        "half_life": result.ageing.half_life,
        "ageing": [[aged.age, aged.loss.value, aged.loss.low, aged.loss.high] for aged in result.ageing.curve],
    }
    return json.dumps(_finite(document), indent=1)


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(inside) for key, inside in value.items()}
    if isinstance(value, list):
        return [_finite(inside) for inside in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
