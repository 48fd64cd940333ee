"""Select: choose the challenger from the pool, fit it on its whole window, and register it.

In: the snapshots, and the candidates as they were scored before the hold-out. Out: a version with the alias `challenger`.
Earlier champions take part with what they answer now: worlds come back. The winner is fitted on all rows of its window before
the hold-out. The run in MLflow records data set digest, commit, seed, lock, parameters, signature and example; the artifact
is a skops file, never a pickle.
Safe to run again: the training is named by everything that goes into it, so a second run finds the first one's version, and
closes what a killed one left open.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeGuard

from include.adapters.compute import computing, in_parallel
from include.adapters.registry import CHALLENGER, PARAMETERS, Version
from include.champion.earlier import earlier_champions
from include.champion.handover import promoted_digest
from include.champion.production_noise import production_suite
from include.champion.promoted_tags import champion_of
from include.champion.training import Work
from include.decisions.contest.choice import Choice, Scored, as_good, choose, gain
from include.decisions.contest.compared import ComparedRows, from_kept
from include.decisions.contest.linear_baseline import candidate_named
from include.decisions.data.labels import labelled
from include.decisions.scoring.answering import CANNOT_SCORE, predict
from include.decisions.scoring.metrics import primary_metric
from include.errors import NoCandidateLeft, ProvingGroundError
from include.models.contract import BASELINE, Candidate
from include.results import Assembled, Contestant, Searched, Snapshot, Trained, Tried
from include.search_space import Value
from include.services import StepContext
from include.untrusted_text import words_of

IF_IT_FAILS = "No challenger was registered; the champion is unchanged."

# So many of the newest earlier champions are asked: each costs what scoring costs.
_EARLIER = 6
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Selected:
    """Who won and why, with which parameters; `table` is the pool as the card shows it.

    `version` is the earlier champion that won, if one did.
    """

    name: str
    why: str
    table: tuple[Contestant, ...] = ()
    version: Version | None = None
    parameters: Mapping[str, Value] = field(default_factory=dict)


def run(context: StepContext, assembled: Assembled, tried: list[Tried]) -> Trained:
    """The challenger, trained now or found.

    Raises:
        NoCandidateLeft: none of the declared candidates could be fitted and scored.
    """
    if assembled.train is None or assembled.holdout is None:
        return Trained(version=None, summary=f"nothing to train: {assembled.skipped}")
    selected = _select(context, assembled, tried)
    registry, name = context.services.registry, context.model.name
    if selected.version:
        version, train, how = selected.version, _trained_on(selected.version), "which was champion before"
    else:
        work = _work(context, assembled, candidate_named(context.model, selected.name, selected.parameters))
        known = work.find() or _champion_again(context, work)
        version, train = known or work.train_now({"holdout_digest": assembled.holdout.digest}), work.train
        how = "found: exactly this training was done before" if known else "trained now"
    if version.number != assembled.champion_version:
        registry.set_alias(name, CHALLENGER, version.number)
    return Trained(
        version=version.number,
        run_id=version.run_id,
        artifact_digest=registry.artifact_digest(name, version.number),
        version_url=registry.version_url(name, version.number),
        run_url=registry.run_url(version.run_id),
        candidate=selected.name,
        parameters=dict(selected.parameters),
        choice=selected.why,
        pool=selected.table,
        train=train,
        returns=selected.version is not None,
        summary=f"challenger is version {version.number}, candidate {selected.name}, {how}",
    )


# Who wins


def _select(context: StepContext, assembled: Assembled, tried: Sequence[Tried]) -> _Selected:
    model, asked = context.model, context.request.candidate
    declared = [one for one in tried if one.candidate == asked or (not asked and one.candidate != BASELINE)]
    failed = [f"{one.candidate}: {one.problem}" for one in declared if one.problem]
    if failed and len(failed) == len(declared):
        raise NoCandidateLeft(
            f"{model.name}: no candidate could be fitted and scored: {'; '.join(failed)}. "
            f"Correct include/models/{model.name}.py, and try it: python -m include.cli check-model {model.name} data.csv"
        )
    if assembled.compared_from is None or not any(one.key for one in tried):
        why = next((one.summary for one in declared if one.summary), "there is nothing to compare candidates on")
        return _Selected(asked or model.candidate.name, f"The {'asked-for' if asked else 'first'} candidate was taken: {why}.")
    compared = _compared_rows(context, assembled)
    scored = [_read(context, one) for one in tried if one.key]
    champion = champion_of(context.services, model.name)
    earlier = [] if asked else _earlier_scored(context, assembled, compared)
    beside = [_asked(context, champion, compared, "the champion, version")] if _has_not_seen(champion, assembled) else []
    baseline = [one for one in scored if one.name == BASELINE]
    contestants = [*(one for one in scored if one.name != BASELINE), *(one for one, _ in earlier), *baseline]
    of_champion = champion.tags.get("candidate", "") if champion and not asked else ""
    choice = choose(contestants, compared.clusters, model.criteria, of_champion)
    shown = _Shown(context, compared, choice)
    failures = [Contestant(name=one.candidate, problem=one.problem) for one in tried if one.problem]
    table = (*shown.lines([*contestants, *(one for one in beside if one)], tried), *failures)
    version = next((version for one, version in earlier if one.name == choice.winner), None)
    parameters = next((one.searched.parameters for one in tried if one.candidate == choice.winner), {})
    return _Selected(choice.winner, shown.why(contestants), table, version, parameters)


def _compared_rows(context: StepContext, assembled: Assembled) -> ComparedRows:
    lake, model, as_of = context.services.lake, context.model, context.request.as_of
    assert assembled.train is not None
    suite, _ = production_suite(context)
    rows = labelled(model, lake.read_snapshot(model, assembled.train.digest), as_of)
    rows = rows[rows[model.feed.time] >= assembled.compared_from].reset_index(drop=True)
    return ComparedRows(model, rows, suite)


def _read(context: StepContext, tried: Tried) -> Scored:
    kept = context.services.lake.read_table(str(tried.key))
    return from_kept(tried.candidate, kept, context.model.criteria.noisy_share)


def _earlier_scored(context: StepContext, assembled: Assembled, compared: ComparedRows) -> list[tuple[Scored, Version]]:
    """Earlier champions on the compared rows, each with its version."""
    assert assembled.compared_from is not None
    versions = earlier_champions(context.services, context.model, assembled.compared_from, _EARLIER)
    return [(one, version) for version in versions if (one := _asked(context, version, compared, "version"))]


def _has_not_seen(champion: Version | None, assembled: Assembled) -> TypeGuard[Version]:
    """Whether there is a champion that was trained on none of the compared rows."""
    return champion is not None and assembled.compared_from is not None and champion.trained_until <= assembled.compared_from


def _asked(context: StepContext, version: Version, compared: ComparedRows, called: str) -> Scored | None:
    """What a version is worth on the compared rows; None where it cannot answer them any more."""
    services, model = context.services, context.model
    try:
        pipeline = services.registry.load(model, version.number, promoted_digest(services, model, version.number) or None)
        with computing(services.settings, model):
            predicted = in_parallel(predict, [(model, pipeline, frame) for frame in compared.frames.values()])
        return compared.scored(f"{called} {version.number}", predicted)
    except (ProvingGroundError, *CANNOT_SCORE) as error:
        if getattr(error, "transient", False):
            raise
        _log.warning("version %s takes no part: %s", version.number, words_of(error))
        return None


@dataclass(frozen=True)
class _Shown:
    """The choice in words and as a table."""

    context: StepContext
    compared: ComparedRows
    choice: Choice

    def why(self, contestants: Sequence[Scored]) -> str:
        """Who won, on what, and which others are as good."""
        model, rows = self.context.model, self.compared.rows
        since = rows[model.feed.time].min()
        request = self.context.request
        by_hand = f", which {request.asked_by} asked for," if request.candidate else ""
        said = (
            f"{self.choice.winner}{by_hand} was taken, compared on {len(rows):,} rows from {since:%Y-%m-%d} until the hold-out"
        )
        harmful = self.choice.harmful
        ahead = {one.name: self.choice.ahead[one.name] for one in contestants if one.name not in (BASELINE, *harmful)}
        better = [name for name, its in ahead.items() if its.value < 0]
        others = [o for o in contestants if o.name in ahead and o.name not in (self.choice.winner, *better)]
        good = [o.name for o in others if as_good(self.choice.ahead[o.name], model.criteria.margin)]
        said += f"; {', '.join(better)} did better, no more than chance explains" if better else ""
        said += f"; {', '.join(good)} did as well" if good else ""
        said += "".join(f"; {name} is left out: worse than the champion's recipe on {on}" for name, on in harmful.items())
        baseline = self.choice.ahead.get(BASELINE)
        left_out = BASELINE in harmful
        if baseline and not left_out and self.choice.winner != BASELINE and as_good(baseline, model.criteria.margin):
            said += ". The linear baseline is as good: ask what the rest of the model is for"
        return f"{said}."

    def lines(self, scored: Sequence[Scored], tried: Sequence[Tried]) -> list[Contestant]:
        """The table, in the metric's own unit."""
        metric, of_tried = primary_metric(self.context.model), {one.candidate: one for one in tried}
        winner = next(one for one in scored if one.name == self.choice.winner)
        lines = []
        for one in scored:
            ahead = gain(winner, one, self.compared.clusters)
            told = one is not winner and math.isfinite(ahead.error)
            lines.append(
                Contestant(
                    name=one.name,
                    value=metric.gain(one.value),
                    ahead=ahead.value if told else None,
                    low=ahead.low if told else None,
                    high=ahead.high if told else None,
                    seconds=of_tried[one.name].seconds if one.name in of_tried else None,
                    searched=of_tried[one.name].searched if one.name in of_tried else Searched(),
                )
            )
        return lines


# The winner


def _trained_on(version: Version) -> Snapshot:
    """The rows that a version was trained on, from its tags."""
    start, rows = version.tags.get("trained_from"), version.tags.get("labelled_rows", "0")
    return Snapshot(
        digest=version.tag("train_digest"),
        start=datetime.fromisoformat(start) if start else version.trained_until,
        end=version.trained_until,
        rows=int(rows) if rows.isdecimal() else 0,
    )


def _champion_again(context: StepContext, work: Work) -> Version | None:
    """The champion, where it learned exactly these rows by this recipe: a refreshed one did, under another name."""
    champion = champion_of(context.services, context.model.name)
    same = ("train_digest", "recipe", "seed", "criteria", PARAMETERS)
    if champion is None or context.request.force or any(champion.tags.get(name) != work.facts.get(name) for name in same):
        return None
    return champion


def _work(context: StepContext, assembled: Assembled, candidate: Candidate) -> Work:
    lake, model = context.services.lake, context.model
    assert assembled.train is not None
    assert assembled.holdout is not None
    start = assembled.windows[candidate.name].trained
    delivered = lake.read_snapshot(model, assembled.train.digest, features=())
    count = int((delivered[model.feed.time] >= start).sum())
    return Work.of(context, candidate, lake.narrowed(model, assembled.train, start, count))
