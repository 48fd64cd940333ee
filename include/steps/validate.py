"""Validate: champion and challenger on the same rows, clean and under the same noise; the verdict follows from the evidence.

In: the snapshots and the challenger. Out: the verdict. The decision card becomes the version's description in MLflow; picture,
scorecard and the noise suite as used go beside its run. Each version predicts from raw rows through its own logged pipeline,
and a fresh process loads and queries the challenger's artifact.
Blocks, never passes, when a check cannot be made. Safe to run again: the same digests give the same verdict.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pandas as pd

from include.adapters.compute import computing, in_parallel
from include.adapters.registry import ANCHOR, EVIDENCE, Version, card_path
from include.decisions.gate import soundness
from include.decisions.gate.budgets import Cost, calibration_error
from include.decisions.gate.judge import Contest, judge
from include.decisions.gate.verdict import Decision, Lane, Outcome, checks, suspicious_predictions
from include.decisions.scoring.predictions import Predictions, same
from include.decisions.scoring.scorecard import CLEAN, Scorecard
from include.decisions.scoring.slices import partition
from include.errors import ArtifactChanged, DataError, ModelError, ProvingGroundError, TrialFailed
from include.models.contract import Model
from include.noise.profile import NoiseProfile, typical
from include.noise.suite import NoiseSuite, suite_for
from include.reports.decision_card import CardFacts, decision_card
from include.reports.decision_plots import decision_picture
from include.reports.ml_test_score import ScoreInputs, ml_test_score
from include.request import Request
from include.results import Assembled, Trained, Verdict
from include.services import Services
from include.steps.assemble import labelled, labels_of
from include.steps.score import CANNOT_SCORE, answers_of, predict
from include.steps.train import BASELINES, airflow_run_url
from include.untrusted_text import words_of

IF_IT_FAILS = "The challenger is registered but was not judged; the champion is unchanged."

_TRIED_ROWS = 50
_PROFILES = 8
_COSTS = ("latency_ms", "size_mb", "memory_mb")


@dataclass
class _Trial:
    """What is gathered on the way to the verdict; `problems` block."""

    suite: NoiseSuite
    mess: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)
    said: dict[str, dict[str, Predictions]] = field(default_factory=dict)
    pipelines: dict[str, Any] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    override: str = ""


def run(services: Services, model: Model, request: Request, assembled: Assembled, trained: Trained) -> Verdict:
    """The verdict on a challenger."""
    if trained.version is None or assembled.holdout is None or assembled.train is None:
        return _no_contest(assembled, assembled.skipped or "nothing was trained", trained)
    number = assembled.champion_version
    if number == trained.version:
        return _no_contest(
            assembled, f"the same data and recipe made version {number} before, and it is the champion", trained
        )
    if request.override and not request.reason_given:
        raise DataError("replace_unscorable_champion was ticked without a reason. Trigger again and say why: it is kept.")
    versions = _versions(services, model, trained.version, number)
    delivered = services.lake.read_snapshot(model, assembled.holdout.digest)
    rows = labelled(model, delivered, request.as_of)
    trial = _Trial(*_noise(services, model, request))
    trial.problems += _unsound(services, model, request, assembled, versions, delivered, rows)
    decision, scorecard, lane = _decide(services, model, request, assembled, trained, versions, rows, trial)
    facts = _facts(services, model, request, assembled, versions, lane, trial)
    made = checks(decision, scorecard, model.criteria, lane, trial.cost)
    verdict = Verdict(
        verdict=decision.verdict,
        reasons=decision.reasons,
        version=trained.version,
        artifact_digest=trained.artifact_digest,
        champion_version=number,
        holdout_digest=assembled.holdout.digest,
        suite_digest=trial.suite.digest(),
        criteria_digest=model.criteria_digest,
        checks=dict(made),
        summary=f"{decision.verdict}: {decision.reasons[0]}",
    )
    facts = replace(facts, test_score=_test_score(services, model, request, made))
    tags = _tags(verdict, lane, made, airflow_run_url(services.settings, model, request.run_id))
    card_url = _record(services, model, versions["challenger"], decision, scorecard, facts, trial, tags)
    return verdict.model_copy(update={"card_url": card_url})


def _no_contest(assembled: Assembled, reason: str, trained: Trained) -> Verdict:
    return Verdict(
        verdict="keep",
        reasons=(reason,),
        version=None,
        artifact_digest=trained.artifact_digest,
        champion_version=assembled.champion_version,
        summary=f"keep: {reason}",
    )


def _versions(services: Services, model: Model, challenger: str, champion: str | None) -> dict[str, Version]:
    """The versions that take part: the frozen reference only where it is neither of the other two."""
    found = {"challenger": services.registry.version(model.name, challenger)}
    if champion:
        found["champion"] = services.registry.version(model.name, champion)
    anchor = services.registry.aliased(model.name, ANCHOR)
    if champion and anchor and anchor.number not in (challenger, champion):
        found["anchor"] = anchor
    return found


def _noise(services: Services, model: Model, request: Request) -> tuple[NoiseSuite, tuple[str, ...]]:
    """The suite, with its severities from what production itself did in recent periods, and that in words."""
    documents = services.lake.profiles(model.name, request.as_of)[-_PROFILES:]
    profile = typical([NoiseProfile.from_json(document) for document in documents]) if documents else None
    return suite_for(model, profile), tuple(profile.in_words()) if profile else ()


def _unsound(
    services: Services,
    model: Model,
    request: Request,
    assembled: Assembled,
    versions: dict[str, Version],
    delivered: pd.DataFrame,
    rows: pd.DataFrame,
) -> list[str]:
    """Why these rows cannot decide between these versions; empty when they can."""
    assert assembled.holdout is not None
    until = {version.number: version.trained_until for version in versions.values()}
    problems = soundness.older_than_training(assembled.holdout.start, until)
    problems += soundness.changed_criteria(model, versions["challenger"].tag("criteria"))
    problems += soundness.immature(model, delivered, request.as_of)
    problems += soundness.unusable_labels(model, labels_of(model, rows))
    if champion := versions.get("champion"):
        # `assemble` has refused rows that the challenger has seen.
        seen = services.lake.read_snapshot(model, champion.tag("train_digest"), features=())
        problems += soundness.overlap(model.feed.key, delivered, seen, champion.number)
    return problems


# What every model says


def _decide(
    services: Services,
    model: Model,
    request: Request,
    assembled: Assembled,
    trained: Trained,
    versions: dict[str, Version],
    rows: pd.DataFrame,
    trial: _Trial,
) -> tuple[Decision, Scorecard | None, Lane]:
    assert assembled.holdout is not None
    lane, labels = _lane(versions), labels_of(model, rows)
    if not trial.problems:
        frames = _frames(model, rows, trial.suite, f"{assembled.holdout.digest}:{trial.suite.digest()}:{model.seed}")
        for role, version in versions.items():
            _ask(services, model, request, role, version, str(trained.artifact_digest), frames, trial)
        if "challenger" in trial.said:
            _try_artifact(services, model, versions["challenger"], frames[CLEAN], labels, trial)
    if trial.problems or not trial.said:
        return Decision("blocked", tuple(trial.problems)), None, lane
    contest = Contest(
        task=model.task,
        criteria=model.criteria,
        labels=labels,
        challenger=trial.said["challenger"],
        champion=trial.said.get("champion"),
        anchor=trial.said.get("anchor"),
        baselines=versions["challenger"].tag(BASELINES),
        slices=[partition(rows[name]) for name in model.criteria.slices],
        features=rows[model.feature_names],
    )
    decision, scorecard = judge(contest, lane, cost=trial.cost, first=trial.override and f"nobody to beat: {trial.override}")
    return decision, scorecard, lane


def _lane(versions: dict[str, Version]) -> Lane:
    champion = versions.get("champion")
    same_recipe = champion is not None and champion.tags.get("recipe") == versions["challenger"].tag("recipe")
    return "routine" if same_recipe else "change"


def _frames(model: Model, rows: pd.DataFrame, suite: NoiseSuite, seed_material: str) -> dict[str, pd.DataFrame]:
    """The rows under every condition: made once, so that all models get the same bytes."""
    clean = rows[model.feature_names]
    return {CLEAN: clean} | {condition: suite.apply(clean, condition, seed_material) for condition in suite.conditions}


def _ask(
    services: Services,
    model: Model,
    request: Request,
    role: str,
    version: Version,
    challenger_digest: str,
    frames: dict[str, pd.DataFrame],
    trial: _Trial,
) -> None:
    """Let one version predict every frame; what it cannot do becomes a problem, or, for the champion, may be overridden."""
    name = f"{role} {version.number}"
    try:
        pipeline = services.registry.load(model, version.number, challenger_digest if role == "challenger" else None)
        with computing(services.settings, model):
            answers = in_parallel(predict, [(model, pipeline, frame) for frame in frames.values()])
            said = dict(zip(frames, answers, strict=True))
        wrong = suspicious_predictions(name, said, said[CLEAN])
    except (ProvingGroundError, *CANNOT_SCORE) as error:
        if getattr(error, "transient", False) or isinstance(error, (ModelError, ArtifactChanged)):
            raise
        wrong = [f"{name} cannot be scored: {type(error).__name__}: {words_of(error)}"]
    if not wrong:
        trial.said[role], trial.pipelines[role] = said, pipeline
    elif role != "challenger" and request.override:
        trial.override = "; ".join(filter(None, [trial.override, f"{wrong[0]}. {request.asked_by}: {request.reason}"]))
    else:
        trial.problems += [
            *wrong,
            *([_HOW_TO_OVERRIDE] if role == "champion" else [_HOW_TO_REFREEZE] if role == "anchor" else []),
        ]


_HOW_TO_OVERRIDE = "to replace a champion that cannot be scored, run retrain with replace_unscorable_champion and a reason"
_HOW_TO_REFREEZE = f"to freeze another reference, move the alias {ANCHOR} in MLflow"


def _try_artifact(
    services: Services, model: Model, challenger: Version, clean: pd.DataFrame, labels: Any, trial: _Trial
) -> None:
    """Load and query the artifact as a server of it would; it has to say what it said here."""
    rows = clean.head(_TRIED_ROWS)
    try:
        tried = services.registry.try_out(model, challenger.number, rows)
    except TrialFailed as error:
        trial.problems.append(str(error))
        return
    here = trial.said["challenger"][CLEAN][: len(rows)]
    there = answers_of(model, trial.pipelines["challenger"], tried.answers)
    if not same(here, there, tolerance=1e-6):
        trial.problems.append(f"version {challenger.number} answers otherwise in a fresh process than here")
    trial.cost = Cost(
        load_seconds=tried.load_seconds,
        latency_ms=tried.latency_ms,
        size_mb=tried.size_mb,
        memory_mb=tried.memory_mb,
        calibration_error=calibration_error(model.task, labels, trial.said["challenger"][CLEAN]),
    )


# What is kept of it


def _facts(
    services: Services,
    model: Model,
    request: Request,
    assembled: Assembled,
    versions: dict[str, Version],
    lane: Lane,
    trial: _Trial,
) -> CardFacts:
    assert assembled.train is not None
    assert assembled.holdout is not None
    champion, anchor = versions.get("champion"), versions.get("anchor")
    return CardFacts(
        model=model.name,
        challenger=versions["challenger"].number,
        champion=champion.number if champion and not trial.override else None,
        lane=lane,
        trigger=request.reason,
        as_of=request.as_of,
        train=assembled.train,
        holdout=assembled.holdout,
        git_commit=services.settings.git_commit,
        suite_digest=trial.suite.digest(),
        criteria_digest=model.criteria_digest,
        seed=model.seed,
        anchor=anchor.number if anchor else None,
        cost=trial.cost,
        champion_cost=_cost_on(champion) if champion else None,
        mess=trial.mess,
        override=trial.override,
    )


def _test_score(services: Services, model: Model, request: Request, made: Mapping[str, Outcome]) -> str:
    """The ML Test Score from what was on record as of this run."""
    times = [moment for moment in services.lake.status_times(model.name, "monitor") if moment <= request.as_of]
    known = ScoreInputs.of(
        made,
        services.lake.status(model.name, "monitor", times[-1]) if times else None,
        replayed=services.lake.was_replayed(model.name),
        went_back="rolled_back" in services.ledger.tally(model.name).events,
        commit=services.settings.git_commit,
    )
    return ml_test_score(model, known).sentence


def _cost_on(version: Version) -> Cost:
    """What was measured when this version was the challenger."""
    return Cost(**{name: version.figure(name) if name in version.tags else None for name in _COSTS})


def _record(
    services: Services,
    model: Model,
    challenger: Version,
    decision: Decision,
    scorecard: Scorecard | None,
    facts: CardFacts,
    trial: _Trial,
    tags: dict[str, str],
) -> str:
    """Keep what was decided and why; the card's address. A version that is judged twice keeps both cards."""
    kept = {"decision": asdict(decision), "evidence": asdict(scorecard) if scorecard else None, "cost": asdict(trial.cost)}
    for path, text in (
        ("scorecard.json", _json(kept)),
        ("noise_suite.json", _json(trial.suite.describe())),
    ):
        services.registry.log_report(challenger.run_id, path, text)
    if scorecard:
        severities = {condition.id: (condition.corruption.name, condition.rate) for condition in trial.suite.plan}
        picture = decision_picture(scorecard, model.criteria, severities, trial.cost, facts.champion_cost, decision)
        facts = replace(facts, plot_url=services.registry.log_picture(challenger.run_id, "decision.png", picture))
    card = decision_card(decision, scorecard, model.criteria, facts)
    services.registry.log_report(challenger.run_id, card_path(tags[EVIDENCE]), card)
    card_url = services.registry.log_report(challenger.run_id, "decision_card.md", card)
    tags = tags | _proof(scorecard) | _cost_tags(trial.cost)
    if trial.override:
        tags["override"] = trial.override[:500]
    services.registry.annotate(model.name, challenger.number, tags, card)
    return card_url


def _tags(verdict: Verdict, lane: Lane, made: dict[str, Outcome], judged_in: str) -> dict[str, str]:
    """What a version can be searched by, besides what its training put there."""
    return {
        "verdict": verdict.verdict,
        "reason": verdict.reasons[0][:500],
        "lane": lane,
        "holdout": str(verdict.holdout_digest),
        EVIDENCE: verdict.evidence,
        "judged_in": judged_in,
    } | {f"check.{name}": said for name, said in made.items()}


def _proof(scorecard: Scorecard | None) -> dict[str, str]:
    """The clean value with which this version proved itself: the reference that decay is measured against."""
    if scorecard is None:
        return {}
    return {"proved_value": repr(scorecard.clean.challenger), "proved_error": repr(scorecard.clean.challenger_error)}


def _cost_tags(cost: Cost) -> dict[str, str]:
    return {name: f"{value:.4g}" for name in _COSTS if (value := getattr(cost, name)) is not None}


def _json(document: dict[str, Any]) -> str:
    """JSON has no word for what is not a number: it becomes null."""
    return json.dumps(json.loads(json.dumps(document), parse_constant=lambda _: None), indent=1)
