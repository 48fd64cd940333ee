"""Refresh: fit the new champion's recipe once more, with the hold-out's rows too, and let that version answer.

In: what was trained, judged and promoted. Out: the refreshed version, which is champion, or why there is none. The hold-out
costs the newest rows: the validated version never saw them. The refreshed one is a version of its own with its own checks: a
fresh process answers as it does here, and clean and under noise it stays close to the validated version on the hold-out. It
is promoted by an entry of its own that names the validated version, which becomes `previous`; probation compares the two.
Never red for what it finds: then the validated version stays. Safe to run again: training and promotion are found.
"""

from datetime import timedelta

from include.adapters.compute import computing, in_parallel
from include.adapters.registry import REFRESHES, Version
from include.champion.handover import Author, Subject, handover
from include.champion.production_noise import production_suite
from include.champion.training import Work
from include.decisions.contest.linear_baseline import candidate_named
from include.decisions.data.labels import labelled, labels_of
from include.decisions.gate.budgets import Cost
from include.decisions.gate.refresh import shift, why_not
from include.decisions.scoring.answering import answers_of, predict
from include.decisions.scoring.conditions import frames_of
from include.decisions.scoring.predictions import same
from include.decisions.scoring.scorecard import CLEAN
from include.errors import TrialFailed
from include.reports.refresh_card import RefreshFacts, refresh_card
from include.results import SHORT, Assembled, Promotion, Refreshed, Snapshot, Trained, Verdict
from include.services import StepContext

IF_IT_FAILS = "The validated version is champion. Clearing the task tries again to refresh it."

_TRIED_ROWS = 50
# What later runs decide by, and what a refreshed version has from the validated one.
_INHERITED = ("proved_value", "proved_error", "proved_freedom", "holdout", "lane")


def run(context: StepContext, assembled: Assembled, trained: Trained, verdict: Verdict, promotion: Promotion) -> Refreshed:
    """The refreshed champion, or why the validated one stays."""
    model = context.model
    if not promotion.promoted or verdict.version is None or assembled.holdout is None or trained.train is None:
        return Refreshed(summary="nothing was promoted")
    if model.refresh is None:
        return Refreshed(summary=f"version {verdict.version} is not refreshed: the model declares none")
    if trained.returns:
        return Refreshed(summary=f"version {verdict.version} was champion before, and is what it was")
    work = _work(context, assembled.holdout, trained)
    version = work.find() or work.train_now(_tags(context, verdict))
    if context.services.ledger.newest_of(model.name, "promoted", _key(verdict, version)):
        # What it costs was measured then, and is among the tags that it was promoted with.
        return _promoted(context, verdict, version, Cost())
    problems, moved, cost = _problems(context, assembled.holdout, verdict.version, version)
    if problems:
        # As a refused challenger it may be pruned, and its page says why it never answered.
        tags = {"verdict": "keep", "reason": problems[0][:500]}
        context.services.registry.annotate(model.name, version.number, tags)
        summary = (
            f"version {verdict.version} stays: version {version.number}, refitted with the hold-out's rows, {problems[0]}"
        )
        return Refreshed(problems=tuple(problems), summary=summary)
    facts = RefreshFacts(model.name, version.number, verdict.version, work.train, moved, model.refresh.allowed(model.task))
    context.services.registry.annotate(
        model.name, version.number, cost.tags | {"verdict": "promote"}, refresh_card(facts, model.task)
    )
    return _promoted(context, verdict, version, cost)


def _work(context: StepContext, holdout: Snapshot, trained: Trained) -> Work:
    """The validated version's recipe on its training rows and the hold-out's; a window of some periods moves on."""
    lake, model = context.services.lake, context.model
    assert trained.train is not None
    candidate = candidate_named(model, trained.candidate, trained.parameters)
    moved_on = holdout.end - holdout.start if candidate.train_periods else timedelta()
    whole = lake.joined(model, trained.train, holdout, trained.train.start + moved_on)
    return Work.of(context, candidate, whole, refreshes=str(trained.version))


def _tags(context: StepContext, verdict: Verdict) -> dict[str, str]:
    validated = context.services.registry.version(context.model.name, str(verdict.version))
    return {name: validated.tags[name] for name in _INHERITED if name in validated.tags} | {REFRESHES: validated.number}


def _problems(context: StepContext, holdout: Snapshot, validated: str, version: Version) -> tuple[list[str], float, Cost]:
    """Why it may not answer; empty where it may. And how far its answers to clean rows moved, and what answering costs."""
    services, model, as_of = context.services, context.model, context.request.as_of
    rows = labelled(model, services.lake.read_snapshot(model, holdout.digest), as_of)
    suite, _ = production_suite(context)
    frames = frames_of(model, rows, suite)
    pipelines = {number: services.registry.load(model, number) for number in (validated, version.number)}
    predictions = {}
    with computing(services.settings, model):
        for number, pipeline in pipelines.items():
            predicted = in_parallel(predict, [(model, pipeline, frame) for frame in frames.values()])
            predictions[number] = dict(zip(frames, predicted, strict=True))
    problems = why_not(model, labels_of(model, rows), predictions[validated], predictions[version.number])
    moved = shift(predictions[validated][CLEAN], predictions[version.number][CLEAN])
    try:
        tried = services.registry.try_out(model, version.number, frames[CLEAN].head(_TRIED_ROWS))
    except TrialFailed as error:
        return [*problems, f"cannot be loaded as a server would: {error}"], moved, Cost()
    reloaded = answers_of(model, pipelines[version.number], tried.answers)
    if not same(predictions[version.number][CLEAN][: min(_TRIED_ROWS, len(rows))], reloaded, tolerance=1e-6):
        problems.append("answers otherwise in a fresh process")
    return problems, moved, Cost(latency_ms=tried.latency_ms, size_mb=tried.size_mb, memory_mb=tried.memory_mb)


def _key(verdict: Verdict, version: Version) -> str:
    """What the entry of its promotion is found by."""
    return f"{version.number} refreshes {verdict.version} {verdict.evidence[:SHORT]}"


def _promoted(context: StepContext, verdict: Verdict, version: Version, cost: Cost) -> Refreshed:
    """Make it champion, if the validated version still is."""
    registry, name = context.services.registry, context.model.name
    reason = (
        f"version {verdict.version} was validated; version {version.number} is the same recipe, fitted on the hold-out's rows "
        "too. Its answers stay close to the validated ones, and it is on probation against them"
    )
    key = _key(verdict, version)
    done = Refreshed(
        version=version.number, instead_of=verdict.version, summary=f"version {version.number} is champion: {reason}"
    )
    with handover(context, "refresh") as begun:
        if begun.state.champion == version.number and context.services.ledger.newest_of(name, "promoted", key):
            begun.mirror()
            return done
        if begun.state.champion != verdict.version:
            return Refreshed(summary=f"not refreshed: the champion is version {begun.state.champion} by now")
        evidence = {
            "refreshes": verdict.version,
            "artifact_digest": registry.artifact_digest(name, version.number),
            "champion_version": verdict.version,
            "card": verdict.card_url,
            "tags": dict(version.tags) | cost.tags,
            "mlflow_run": version.run_id,
            "evidence": verdict.evidence,
        }
        begun.move("promoting", Subject(key, version.number), Author("the gate", reason), evidence)
    return done
