"""Validate: champion and challenger on the same rows, clean and under the same noise; the verdict follows from the evidence.

In: the snapshots and the challenger. Out: the verdict. The decision card becomes the version's description in MLflow, the
scorecard and the noise suite as used go beside its run. Each version predicts from raw rows through its own logged pipeline.
Blocks, never passes, when a check cannot be made. Safe to run again: the same digests give the same verdict.
"""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from include.adapters.registry import Version
from include.decisions.card import CardFacts, decision_card
from include.decisions.evidence import CLEAN, Evidence, compare
from include.decisions.metrics import Floats, find_metric
from include.decisions.verdict import Decision, Lane, decide, suspicious_predictions
from include.models.contract import Model
from include.noise.suite import NoiseSuite, default_suite
from include.references import Assembled, Trained, Verdict
from include.run import Request
from include.services import Services
from include.steps.assemble import labelled
from include.steps.score import predict

IF_IT_FAILS = "The challenger is registered but was not judged; the champion is unchanged."


def run(services: Services, model: Model, request: Request, assembled: Assembled, trained: Trained) -> Verdict:
    """The verdict on a challenger."""
    if trained.version is None or assembled.holdout is None or assembled.train is None:
        return _nothing_to_judge(assembled)
    challenger = services.registry.version(model.name, trained.version)
    number = assembled.champion_version
    champion = services.registry.version(model.name, number) if number else None
    if champion and champion.number == challenger.number:
        return _is_champion_already(trained, champion)
    suite = default_suite(model)
    rows = labelled(model, services.lake.read_snapshot(model, assembled.holdout.digest), request.as_of)
    evidence, problems = _weigh(services, model, assembled, challenger, champion, rows, suite, str(trained.artifact_digest))
    lane: Lane = "routine" if champion and champion.tags.get("recipe") == challenger.tag("recipe") else "change"
    decision = _decide(model, evidence, lane, problems)
    facts = CardFacts(
        model=model.name,
        challenger=challenger.number,
        champion=champion.number if champion else None,
        lane=lane,
        trigger=request.reason,
        train=assembled.train,
        holdout=assembled.holdout,
        git_commit=services.settings.git_commit,
        suite_digest=suite.digest(),
        criteria_digest=model.criteria_digest,
    )
    card = decision_card(decision, evidence, model.criteria, facts)
    card_url = _record(services, model, challenger, decision, evidence, suite, card)
    return Verdict(
        verdict=decision.verdict,
        reasons=decision.reasons,
        version=trained.version,
        artifact_digest=trained.artifact_digest,
        champion_version=number,
        card_url=card_url,
        says=f"{decision.verdict}: {decision.reasons[0]}",
    )


def _nothing_to_judge(assembled: Assembled) -> Verdict:
    reason = assembled.skipped or "nothing was trained"
    return Verdict(
        verdict="keep",
        reasons=(reason,),
        version=None,
        artifact_digest=None,
        champion_version=assembled.champion_version,
        says=f"keep: {reason}",
    )


def _is_champion_already(trained: Trained, champion: Version) -> Verdict:
    reason = f"the same data and recipe made version {champion.number} before, and it is the champion"
    return Verdict(
        verdict="keep",
        reasons=(reason,),
        version=None,
        artifact_digest=trained.artifact_digest,
        champion_version=champion.number,
        says=f"keep: {reason}",
    )


def _weigh(
    services: Services,
    model: Model,
    assembled: Assembled,
    challenger: Version,
    champion: Version | None,
    rows: pd.DataFrame,
    suite: NoiseSuite,
    digest: str,
) -> tuple[Evidence | None, list[str]]:
    """The evidence, and the problems that keep it from being sound."""
    assert assembled.holdout is not None
    problems = _older_than_training(assembled, challenger, champion) + _changed_criteria(model, challenger)
    if len(rows) < 2 or problems:
        return None, problems or [f"the holdout has {len(rows)} labelled rows"]
    frames = {CLEAN: rows[model.feature_names]} | {
        condition: suite.apply(rows[model.feature_names], condition, f"{assembled.holdout.digest}:{model.seed}")
        for condition in suite.conditions
    }
    pipelines = {"challenger": services.registry.load(model, challenger.number, digest)}
    if champion:
        pipelines["champion"] = services.registry.load(model, champion.number)
    said = {name: {c: predict(model, pipeline, frame) for c, frame in frames.items()} for name, pipeline in pipelines.items()}
    problems = [problem for name in said for problem in _suspicious(model, name, said[name])]
    labels = rows[model.label.name].to_numpy("float64")
    if model.task == "binary" and set(labels.tolist()) != {0.0, 1.0}:
        seen = sorted(set(labels.tolist()))[:5]
        problems.append(f"labels of the holdout are {seen}; a binary model needs both 0 and 1, and nothing else")
    if problems:
        return None, problems
    metric = find_metric(model.criteria.metric)
    return compare(metric, labels, said["challenger"], said.get("champion"), model.criteria.noisy_share), []


def _older_than_training(assembled: Assembled, challenger: Version, champion: Version | None) -> list[str]:
    assert assembled.holdout is not None
    return [
        f"version {version.number} was trained on rows until {version.trained_until:%Y-%m-%d}, "
        f"the holdout starts on {assembled.holdout.start:%Y-%m-%d}"
        for version in (challenger, champion)
        if version and assembled.holdout.start < version.trained_until
    ]


def _changed_criteria(model: Model, challenger: Version) -> list[str]:
    fixed, now = challenger.tag("criteria"), model.criteria_digest
    return [] if fixed == now else [f"the success criteria were changed after training: version has {fixed}, the model {now}"]


def _suspicious(model: Model, name: str, predictions: dict[str, Floats]) -> list[str]:
    clean = predictions[CLEAN]
    finite = all(bool(np.isfinite(values).all()) for values in predictions.values())
    return suspicious_predictions(name, find_metric(model.criteria.metric), finite, len(np.unique(clean)))


def _decide(model: Model, evidence: Evidence | None, lane: Lane, problems: list[str]) -> Decision:
    if evidence is None:
        return Decision("blocked", tuple(problems))
    return decide(evidence, model.criteria, lane, problems)


def _record(
    services: Services,
    model: Model,
    challenger: Version,
    decision: Decision,
    evidence: Evidence | None,
    suite: NoiseSuite,
    card: str,
) -> str:
    """Keep what was decided and why; the card's address."""
    scorecard: dict[str, Any] = {"decision": asdict(decision), "evidence": asdict(evidence) if evidence else None}
    for path, text in (
        ("scorecard.json", json.dumps(scorecard, indent=1)),
        ("noise_suite.json", json.dumps(suite.describe(), indent=1)),
    ):
        services.registry.log_report(challenger.run_id, path, text)
    card_url = services.registry.log_report(challenger.run_id, "decision_card.md", card)
    services.registry.annotate(
        model.name,
        challenger.number,
        {"verdict": decision.verdict, "reason": decision.reasons[0][:500]} | _proof(evidence),
        card,
    )
    return card_url


def _proof(evidence: Evidence | None) -> dict[str, str]:
    """The clean value with which this version proved itself: the reference that decay is measured against."""
    if evidence is None:
        return {}
    return {"proved_value": repr(evidence.clean.challenger), "proved_error": repr(evidence.clean.challenger_error)}
