"""Validate: champion and challenger on the same rows, clean and under the same noise; the verdict follows from the evidence.

In: the snapshots and the challenger. Out: the verdict. The decision card becomes the version's description in MLflow; picture,
scorecard and the noise suite as used go beside its run. Each version predicts from raw rows through its own logged pipeline,
and a fresh process loads and queries the challenger's artifact.
Blocks, never passes, when a check cannot be made. Safe to run again: a repeated run gives the same verdict and spends no more.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from include.adapters.compute import computing, in_parallel
from include.adapters.registry import ANCHOR, ARTIFACT, BASELINES, EVIDENCE, POOL, REPEATS, TAKEN_IN, Version, card_path
from include.champion.handover import Author, Subject, fact
from include.champion.production_noise import production_suite
from include.champion.promoted_tags import as_promoted
from include.decisions.data.labels import labelled, labels_of
from include.decisions.gate import soundness
from include.decisions.gate.budgets import COSTS, Cost
from include.decisions.gate.error_budget import YEAR, Lane, Spent, deviate, in_words, spend
from include.decisions.gate.judge import Contest, judge
from include.decisions.gate.verdict import Circumstances, Decision, Outcome, checks, suspicious_predictions
from include.decisions.scoring.answering import CANNOT_SCORE, answers_of, predict
from include.decisions.scoring.calibration import calibration_error
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.conditions import frames_of
from include.decisions.scoring.fairness import Judged
from include.decisions.scoring.importance import AskedRows, Importance, sampled, side_by_side
from include.decisions.scoring.in_use import InUse, in_use
from include.decisions.scoring.metrics import primary_metric
from include.decisions.scoring.predictions import Predictions, same
from include.decisions.scoring.scorecard import CLEAN, Measured, Scorecard
from include.decisions.scoring.slices import partition
from include.documents import as_strict_json
from include.errors import ArtifactChanged, DataError, ModelError, ProvingGroundError, TrialFailed
from include.formats import format_named
from include.ledger.entries import Entry
from include.models.contract import BASELINE, Model
from include.noise.suite import NoiseSuite
from include.reports.card_words import what_follows
from include.reports.decision_card import LONGEST, CardFacts, decision_card
from include.reports.decision_plots import decision_picture
from include.reports.ml_test_score import ScoreInputs, ml_test_score
from include.results import EXAMINED, AgainstAnchor, Assembled, Snapshot, Trained, Verdict
from include.services import StepContext
from include.statuses import MonitorStatus
from include.untrusted_text import words_of

IF_IT_FAILS = "The challenger is registered but was not judged; the champion is unchanged."

_log = logging.getLogger(__name__)

_TRIED_ROWS = 50
# At which a gain over the frozen reference is proved.
_REFERENCE_LEVEL = 0.01
_HOW_TO_OVERRIDE = "to replace a champion that cannot be scored, run retrain with replace_unscorable_champion and a reason"
_HOW_TO_REFREEZE = f"to freeze another reference, move the alias {ANCHOR} in MLflow"


@dataclass(frozen=True)
class _Comparison:
    """One comparison: its context, the snapshots, the versions by role, the hold-out's labelled rows, and the noise suite.

    `anchor` is the number of the frozen reference, also where that is one of the other two versions.
    """

    context: StepContext
    trained: Trained
    train: Snapshot
    holdout: Snapshot
    versions: Mapping[str, Version]
    challenger_digest: str
    rows: pd.DataFrame
    suite: NoiseSuite
    production_noise: tuple[str, ...]
    anchor: str | None

    @property
    def lane(self) -> Lane:
        """Routine where the champion was made by the same recipe, or chosen from the same pool of recipes."""
        champion, challenger = self.versions.get("champion"), self.versions["challenger"]
        if champion is None:
            return "change"
        same_recipe = champion.tags.get("recipe") == challenger.tag("recipe")
        same_pool = POOL in challenger.tags and champion.tags.get(POOL) == challenger.tags[POOL]
        return "routine" if same_recipe or same_pool else "change"

    @property
    def number(self) -> str:
        """The challenger's number."""
        return self.versions["challenger"].number


@dataclass
class _Answers:
    """What the versions answered by role and condition, what it cost, and the `problems` that block a verdict."""

    predictions: dict[str, dict[str, Predictions]] = field(default_factory=dict)
    pipelines: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    cost: Cost = field(default_factory=Cost)
    override: str = ""


@dataclass(frozen=True)
class _Judgement:
    """What was decided, on which evidence, what became of each check, and what the comparison spent, if there was one."""

    decision: Decision
    scorecard: Scorecard | None
    checks: Mapping[str, Outcome]
    spent: Spent | None = None


@dataclass(frozen=True)
class _Beside:
    """What people read beside the verdict, and what decides nothing."""

    importance: tuple[Importance, ...] = ()
    in_use: InUse = field(default_factory=InUse)


def run(context: StepContext, assembled: Assembled, trained: Trained) -> Verdict:
    """The verdict on a challenger."""
    number = assembled.champion_version
    if trained.version is None or assembled.holdout is None or trained.train is None:
        return _no_contest(assembled, assembled.skipped or "nothing was trained", trained)
    if number == trained.version:
        reason = f"the same data and recipe made version {number} before, and it is the champion"
        return _no_contest(assembled, reason, trained)
    if context.request.override and not context.request.reason_given:
        raise DataError("replace_unscorable_champion was ticked without a reason. Trigger again with one: it is kept.")
    columns = [column.name for column in context.model.delivered]
    delivered = context.services.lake.read_snapshot(context.model, assembled.holdout.digest, columns)
    comparison = _comparison(context, assembled, trained, labelled(context.model, delivered, context.request.as_of))
    answers = _ask_all(comparison, _unsound(comparison, delivered))
    judgement = _judge(comparison, answers)
    beside = _look_beside(comparison, answers) if judgement.scorecard else _Beside()
    verdict = _verdict(comparison, answers, judgement).model_copy(update={"examined": _examined(comparison, beside)})
    return verdict.model_copy(update={"card_url": _record(comparison, answers, judgement, verdict, beside)})


def _no_contest(assembled: Assembled, reason: str, trained: Trained) -> Verdict:
    return Verdict(
        verdict="keep",
        reasons=(reason,),
        version=None,
        artifact_digest=trained.artifact_digest,
        champion_version=assembled.champion_version,
        summary=f"keep: {reason}",
    )


def _comparison(context: StepContext, assembled: Assembled, trained: Trained, rows: pd.DataFrame) -> _Comparison:
    assert trained.train is not None
    assert assembled.holdout is not None
    suite, production_noise = production_suite(context)
    anchor = context.services.registry.aliased(context.model.name, ANCHOR)
    return _Comparison(
        context=context,
        trained=trained,
        train=trained.train,
        holdout=assembled.holdout,
        versions=_versions(context, trained, assembled.champion_version, anchor),
        challenger_digest=str(trained.artifact_digest),
        rows=rows,
        suite=suite,
        production_noise=production_noise,
        anchor=anchor.number if anchor else None,
    )


def _versions(context: StepContext, trained: Trained, champion: str | None, anchor: Version | None) -> dict[str, Version]:
    """The versions that take part: the frozen reference only where it is neither of the other two."""
    registry, name, challenger = context.services.registry, context.model.name, str(trained.version)
    version = registry.version(name, challenger)
    versions = {"challenger": as_promoted(context.services, version) if trained.returns else version}
    if champion:
        versions["champion"] = as_promoted(context.services, registry.version(name, champion))
    if champion and anchor and anchor.number not in (challenger, champion):
        versions["anchor"] = as_promoted(context.services, anchor)
    return versions


def _unsound(comparison: _Comparison, delivered: pd.DataFrame) -> list[str]:
    """Why these rows cannot decide between these versions; empty when they can."""
    context, versions = comparison.context, comparison.versions
    model, as_of = context.model, context.request.as_of
    until = {version.number: version.trained_until for version in versions.values()}
    problems = soundness.older_than_training(comparison.holdout.start, until)
    problems += soundness.changed_criteria(model, versions["challenger"].tag("criteria"))
    problems += soundness.immature(model, delivered, as_of)
    problems += soundness.unusable_labels(model, labels_of(model, comparison.rows))
    if champion := versions.get("champion"):
        # `assemble` has refused rows that the challenger has seen.
        seen = context.services.lake.read_snapshot(model, champion.tag("train_digest"), features=())
        # Where the key has gained a column since, times alone tell that no row was seen: see older_than_training.
        if set(model.feed.key) <= set(seen.columns):
            problems += soundness.overlap(model.feed.key, delivered, seen, champion.number)
    return problems


# What every version answers


def _ask_all(comparison: _Comparison, problems: list[str]) -> _Answers:
    """Let every version predict the same frames; nothing is asked where the rows are unsound."""
    answers = _Answers(problems=problems)
    if problems:
        return answers
    # Made once, so that all versions get the same bytes.
    frames = frames_of(comparison.context.model, comparison.rows, comparison.suite)
    for role in comparison.versions:
        _ask(comparison, role, frames, answers)
    if "challenger" in answers.predictions:
        _try_artifact(comparison, frames[CLEAN], answers)
    return answers


def _ask(comparison: _Comparison, role: str, frames: dict[str, pd.DataFrame], answers: _Answers) -> None:
    """Let one version predict every frame; what it cannot do becomes a problem, or, for the champion, may be overridden."""
    services, model = comparison.context.services, comparison.context.model
    version = comparison.versions[role]
    name = f"{role} {version.number}"
    try:
        digest = comparison.challenger_digest if role == "challenger" else None
        pipeline = services.registry.load(model, version.number, digest)
        with computing(services.settings, model):
            predicted = in_parallel(predict, [(model, pipeline, frame) for frame in frames.values()])
            predictions = dict(zip(frames, predicted, strict=True))
        wrong = suspicious_predictions(name, predictions, predictions[CLEAN])
    except (ProvingGroundError, *CANNOT_SCORE) as error:
        if getattr(error, "transient", False) or isinstance(error, (ModelError, ArtifactChanged)):
            raise
        wrong = [f"{name} cannot be scored: {type(error).__name__}: {words_of(error)}"]
    if wrong:
        _blame(comparison, role, wrong, answers)
    else:
        answers.predictions[role], answers.pipelines[role] = predictions, pipeline


def _blame(comparison: _Comparison, role: str, wrong: list[str], answers: _Answers) -> None:
    request = comparison.context.request
    if role != "challenger" and request.override:
        reason = f"{wrong[0]}. {request.asked_by}: {request.reason}"
        answers.override = "; ".join(filter(None, [answers.override, reason]))
        return
    advice = {"champion": [_HOW_TO_OVERRIDE], "anchor": [_HOW_TO_REFREEZE]}.get(role, [])
    answers.problems += [*wrong, *advice]


def _try_artifact(comparison: _Comparison, clean: pd.DataFrame, answers: _Answers) -> None:
    """Load and query the artifact as a server of it would; it has to predict what it predicted here."""
    registry, model = comparison.context.services.registry, comparison.context.model
    rows = clean.head(_TRIED_ROWS)
    try:
        tried = registry.try_out(model, comparison.number, rows)
    except TrialFailed as error:
        answers.problems.append(str(error))
        return
    predictions = answers.predictions["challenger"][CLEAN]
    reloaded = answers_of(model, answers.pipelines["challenger"], tried.answers)
    if not same(predictions[: len(rows)], reloaded, tolerance=1e-6):
        answers.problems.append(
            f"version {comparison.number}: predictions differ between the artifact and the in-memory pipeline"
        )
    answers.cost = Cost(
        load_seconds=tried.load_seconds,
        latency_ms=tried.latency_ms,
        size_mb=tried.size_mb,
        memory_mb=tried.memory_mb,
        calibration_error=calibration_error(model.task, labels_of(model, comparison.rows), predictions),
    )


# What follows from it


def _judge(comparison: _Comparison, answers: _Answers) -> _Judgement:
    model, rows = comparison.context.model, comparison.rows
    if answers.problems or not answers.predictions:
        blocked = Decision("blocked", tuple(answers.problems))
        return _Judgement(blocked, None, checks(blocked, None, model.criteria, comparison.lane))
    contest = Contest(
        task=model.task,
        criteria=model.criteria,
        labels=labels_of(model, rows),
        challenger=answers.predictions["challenger"],
        champion=answers.predictions.get("champion"),
        anchor=answers.predictions.get("anchor"),
        baselines=comparison.versions["challenger"].tag(BASELINES),
        slices=[partition(rows[name]) for name in model.criteria.judged_by],
        features=rows[model.feature_names],
        clusters=Clusters.of_rows(rows, model.feed),
    )
    first = answers.override and f"no champion to beat: {answers.override}"
    spent = _spend(comparison) if contest.champion is not None else None
    circumstances = Circumstances(cost=answers.cost, first=first, level=spent.level if spent else None)
    decision, scorecard = judge(contest, comparison.lane, circumstances)
    made = checks(decision, scorecard, model.criteria, comparison.lane, circumstances)
    return _Judgement(decision, scorecard, made, spent)


def _spend(comparison: _Comparison) -> Spent:
    """What this comparison spends of its lane's error budget, from the ledger; a repeated try of a run spends nothing more.

    It is written before the verdict is known: a run that dies after it has seen the verdict has spent it.
    """
    services, model, request = comparison.context.services, comparison.context.model, comparison.context.request
    versions, lane = comparison.versions, comparison.lane
    subject = f"{comparison.number} against {versions['champion'].number} as of {request.as_of.isoformat()}"
    named = (comparison.holdout.digest, comparison.suite.digest(), model.criteria_digest)
    about = Subject(f"{subject} on {' '.join(digest[:16] for digest in named)}", comparison.number)
    # After a year the budget is full again, whatever was spent before.
    latest = services.ledger.newest_with(model.name, ("compared", "lane", lane), within=YEAR)
    spent = spend(lane, request.as_of, _spent(latest) if latest else None)
    evidence = {"lane": lane, "level": spent.level, "left": spent.left, "at": spent.at.isoformat()}
    author = Author("the gate", in_words(lane, spent))
    # Where an earlier try has written it, the ledger returns that.
    return _spent(services.ledger.append(model.name, fact(request, "compared", about, author, evidence=evidence)))


def _spent(entry: Entry) -> Spent:
    evidence = entry.evidence
    return Spent(evidence["level"], evidence["left"], datetime.fromisoformat(evidence["at"]))


def _verdict(comparison: _Comparison, answers: _Answers, judgement: _Judgement) -> Verdict:
    decision, champion = judgement.decision, comparison.versions.get("champion")
    return Verdict(
        verdict=decision.verdict,
        reasons=decision.reasons,
        version=comparison.number,
        artifact_digest=comparison.challenger_digest,
        champion_version=champion.number if champion else None,
        holdout_digest=comparison.holdout.digest,
        suite_digest=comparison.suite.digest(),
        criteria_digest=comparison.context.model.criteria_digest,
        checks=dict(judgement.checks),
        tags=_decisive_tags(comparison, answers, judgement),
        mlflow_run=comparison.versions["challenger"].run_id,
        returns=comparison.trained.returns,
        rescue=decision.rescue,
        against_anchor=_against_anchor(comparison, judgement.scorecard),
        summary=f"{decision.verdict}: {decision.reasons[0]}",
    )


def _against_anchor(comparison: _Comparison, scorecard: Scorecard | None) -> AgainstAnchor | None:
    champion = comparison.versions.get("champion")
    if scorecard is None or comparison.anchor is None or champion is None:
        return None
    gain = scorecard.blend if comparison.anchor == champion.number else scorecard.anchor
    if gain is None or not math.isfinite(low := gain.above(-deviate(_REFERENCE_LEVEL))):
        return None
    return AgainstAnchor(version=comparison.anchor, gain=gain.value, low=low)


def _decisive_tags(comparison: _Comparison, answers: _Answers, judgement: _Judgement) -> dict[str, str]:
    """The tags that later runs decide by, from what was computed here and not from what MLflow says by then."""
    challenger, train = comparison.versions["challenger"], comparison.train
    trained = {"trained_until": train.end.isoformat(), "train_digest": train.digest}
    as_trained = {name: challenger.tags[name] for name in ("recipe", POOL, TAKEN_IN) if name in challenger.tags}
    return trained | as_trained | _measured_tags(answers, judgement)


def _measured_tags(answers: _Answers, judgement: _Judgement) -> dict[str, str]:
    tags = answers.cost.tags
    if judgement.scorecard:
        # The clean value with which this version passed: the reference that decay is measured against.
        clean = judgement.scorecard.clean
        tags |= {"proved_value": repr(clean.challenger), "proved_error": repr(clean.challenger_error)}
        tags |= {"proved_freedom": repr(clean.challenger_freedom)}
    return tags


# What is kept of it


def _record(comparison: _Comparison, answers: _Answers, judgement: _Judgement, verdict: Verdict, beside: _Beside) -> str:
    """Keep what was decided and why; the card's address. A version that is judged twice keeps both cards."""
    registry, model = comparison.context.services.registry, comparison.context.model
    run_id = comparison.versions["challenger"].run_id
    evidence = {"decision": judgement.decision, "evidence": judgement.scorecard, "cost": answers.cost}
    people = {"importance": beside.importance, "in_use": beside.in_use, "examined": verdict.examined}
    registry.log_report(run_id, "scorecard.json", as_strict_json(evidence | people))
    registry.log_report(run_id, "noise_suite.json", as_strict_json(comparison.suite.describe()))
    facts = replace(_facts(comparison, answers, judgement), importance=beside.importance, in_use=beside.in_use)
    facts = replace(facts, test_score=_test_score(comparison.context, verdict))
    if judgement.scorecard:
        facts = replace(facts, plot_url=_picture(comparison, judgement, facts))
    about = (judgement.decision, judgement.scorecard, model.criteria, facts)
    card = decision_card(*about)
    registry.log_report(run_id, card_path(verdict.evidence), card)
    card_url = registry.log_report(run_id, "decision_card.md", card)
    registry.annotate(
        model.name, comparison.number, _tags(comparison, answers, judgement, verdict), decision_card(*about, LONGEST)
    )
    return card_url


def _look_beside(comparison: _Comparison, answers: _Answers) -> _Beside:
    return _Beside(tuple(_importance(comparison, answers)), _in_use(comparison, answers))


def _examined(comparison: _Comparison, beside: _Beside) -> tuple[str, ...]:
    """What was looked at, by the names in EXAMINED."""
    pool, declared = comparison.trained.pool, {one.name for one in comparison.context.model.candidates}
    looked = {
        "repeatable": comparison.versions["challenger"].tags.get(REPEATS) == "yes",
        "pool": sum(one.value is not None and one.name in declared for one in pool) > 1,
        "search": any(one.searched.how for one in pool),
        "baseline": any(one.name == BASELINE and one.value is not None for one in pool),
        "importance": bool(beside.importance),
        "groups": bool(beside.in_use.fairness.gaps),
    }
    return tuple(name for name in EXAMINED if looked[name])


def _in_use(comparison: _Comparison, answers: _Answers) -> InUse:
    """What challenger and champion would do in use, on the clean rows."""
    model, rows = comparison.context.model, comparison.rows
    judged = Judged(
        task=model.task,
        criteria=model.criteria,
        metric=primary_metric(model),
        labels=labels_of(model, rows),
        predictions={role: each[CLEAN] for role, each in answers.predictions.items() if role in ("challenger", "champion")},
        clusters=Clusters.of_rows(rows, model.feed),
    )
    return in_use(judged, {name: partition(rows[name]) for name in model.criteria.fairness})


def _importance(comparison: _Comparison, answers: _Answers) -> list[Importance]:
    """What each feature is worth to challenger and champion, on the same clean rows; empty where that has no value.

    It decides nothing: what cannot be computed is logged.
    """
    model, rows = comparison.context.model, comparison.rows
    chosen = sampled(len(rows), len(model.feature_names), model.seed)
    labels, clusters = labels_of(model, rows)[chosen], Clusters.of_rows(rows, model.feed).at(chosen)
    asked = AskedRows(rows[model.feature_names].iloc[chosen], labels, clusters, model.seed)
    frames = {name: asked.shuffled(name) for name in model.feature_names}
    lost: dict[str, dict[str, Measured]] = {}
    for role in [role for role in ("challenger", "champion") if role in answers.pipelines]:
        pipeline = answers.pipelines[role]
        taken = [name for name in frames if name in getattr(pipeline, "feature_names_in_", model.feature_names)]
        try:
            with computing(comparison.context.services.settings, model):
                predicted = in_parallel(predict, [(model, pipeline, frames[name]) for name in taken])
            whole = answers.predictions[role][CLEAN][chosen]
            lost[role] = asked.losses(primary_metric(model), whole, dict(zip(taken, predicted, strict=True)))
        except CANNOT_SCORE as error:
            _log.warning("what features are worth to the %s is not known: %s", role, words_of(error))
    return side_by_side(lost.get("challenger", {}), lost.get("champion", {}))


def _picture(comparison: _Comparison, judgement: _Judgement, facts: CardFacts) -> str:
    assert judgement.scorecard is not None
    severities = {condition.id: (condition.corruption.name, condition.rate) for condition in comparison.suite.plan}
    criteria = comparison.context.model.criteria
    picture = decision_picture(judgement.decision, judgement.scorecard, criteria, severities, facts)
    run_id = comparison.versions["challenger"].run_id
    return comparison.context.services.registry.log_picture(run_id, "decision.png", picture)


def _facts(comparison: _Comparison, answers: _Answers, judgement: _Judgement) -> CardFacts:
    context, versions = comparison.context, comparison.versions
    model, request = context.model, context.request
    champion, anchor = versions.get("champion"), versions.get("anchor")
    where = context.services.settings.review.get(model.name, model.review.where)
    return CardFacts(
        model=model.name,
        challenger=comparison.number,
        champion=champion.number if champion and not answers.override else None,
        lane="rescue" if judgement.decision.rescue else comparison.lane,
        trigger=request.reason,
        as_of=request.as_of,
        train=comparison.train,
        holdout=comparison.holdout,
        git_commit=context.services.settings.git_commit,
        suite_digest=comparison.suite.digest(),
        criteria_digest=model.criteria_digest,
        seed=versions["challenger"].tag("seed"),
        candidate=comparison.trained.candidate,
        choice=comparison.trained.choice,
        pool=comparison.trained.pool,
        anchor=anchor.number if anchor else None,
        cost=answers.cost,
        champion_cost=_cost_on(champion) if champion else None,
        production_noise=comparison.production_noise,
        follows=what_follows(model, where, request.orchestrator) if judgement.decision.verdict == "promote" else "",
        override=answers.override,
        own_code=_own_code(model, versions["challenger"]),
        fixed=tuple(model.noise.severities),
        error_budget=in_words(comparison.lane, judgement.spent) if judgement.spent else "",
    )


def _own_code(model: Model, version: Version) -> str:
    """The format of an artifact that runs whatever code it holds, and why the model has it; empty for others."""
    reasons = {one.because: one.artifact for one in model.candidates if one.artifact == version.tags.get(ARTIFACT)}
    return "; ".join(f"{kept}, {because}" for because, kept in reasons.items() if format_named(kept).apart)


def _test_score(context: StepContext, verdict: Verdict) -> str:
    """The ML Test Score from what was on record as of this run."""
    lake, ledger, name = context.services.lake, context.services.ledger, context.model.name
    # The check that asked for this retraining is as of the same time.
    times = lake.status_times_before(name, MonitorStatus, context.request.as_of + timedelta.resolution)
    known = ScoreInputs.of(
        verdict,
        lake.status(name, MonitorStatus, times[0]) if times else None,
        replayed=lake.was_replayed(name),
        events=ledger.state(name).events,
        commit=context.services.settings.git_commit,
    )
    return ml_test_score(context.model, known).sentence


def _cost_on(version: Version) -> Cost:
    """What was measured when this version was the challenger."""
    return Cost(**{name: version.number_in(name) if name in version.tags else None for name in COSTS})


def _tags(comparison: _Comparison, answers: _Answers, judgement: _Judgement, verdict: Verdict) -> dict[str, str]:
    """What a version can be searched by, besides what its training put there."""
    tags = {
        "verdict": verdict.verdict,
        "reason": verdict.reasons[0][:500],
        "lane": "rescue" if judgement.decision.rescue else comparison.lane,
        "holdout": str(verdict.holdout_digest),
        EVIDENCE: verdict.evidence,
        "judged_in": comparison.context.request.url,
    }
    tags |= {f"check.{name}": outcome for name, outcome in judgement.checks.items()}
    return tags | _measured_tags(answers, judgement) | ({"override": answers.override[:500]} if answers.override else {})
