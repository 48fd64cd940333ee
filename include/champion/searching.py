"""The search of one candidate's parameters: on folds before the rows that candidates are compared on, one trial at a time.

A finished trial is kept on the lake under a name of all that it depends on, then logged as a nested run in MLflow. A task that
was killed finds the finished ones, and goes on with the next. No run is open while a trial computes, so that none stays open.
"""

import json
import logging
import time
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from include.adapters.compute import computing, in_parallel
from include.adapters.registry import PARAMETERS, LoggedTrial
from include.code_version import lock_digest
from include.decisions.contest.compared import ComparedRows
from include.decisions.contest.search import Fold, Proposal, Trial, best, folds, propose
from include.decisions.data.labels import labelled, labels_of
from include.decisions.data.training import recipe, rows_to_fit, training_key
from include.decisions.scoring.answering import predict
from include.decisions.scoring.metrics import primary_metric
from include.errors import NoValue, ProvingGroundError
from include.models.contract import Candidate
from include.noise.suite import NoiseSuite
from include.results import Assembled, Searched
from include.search_space import Search, in_words
from include.services import StepContext
from include.untrusted_text import words_of

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)


def searched(context: StepContext, assembled: Assembled, candidate: Candidate, suite: NoiseSuite) -> Searched:
    """The parameters with which a candidate is compared; those of `build` itself where nothing could be searched."""
    assert candidate.search is not None
    work = _Work(context, assembled, candidate, candidate.search, suite)
    if not work.folds:
        return Searched(how="not searched: there is too little history before the rows that candidates are compared on")
    trials: list[Trial] = []
    while len(trials) < work.search.trials and sum(trial.seconds for trial in trials) < 60 * work.search.minutes:
        trials.append(work.trial(trials))
        work.tell(trials)
        if trials[0].outcome == "failed":
            return Searched(how=f"not searched: without a search it fails: {trials[0].problem}")
    return _found(work, trials)


def _found(work: "_Work", trials: list[Trial]) -> Searched:
    winner, metric = best(trials), primary_metric(work.context.model)
    assert winner is not None
    reached, alone = (f"{metric.gain(trial.value):.4g}" for trial in (winner, trials[0]))
    ended = sum(trial.outcome == "pruned" for trial in trials)
    failed = [f"{trial.parameters} {trial.problem}" for trial in trials if trial.outcome == "failed"]
    how = f"trial {winner.number + 1} of {len(trials)}"
    how += f", {ended} ended early" if ended else ""
    how += f", {len(failed)} failed" if failed else ""
    how += (
        f", {work.search.minutes:g} minutes were over before {work.search.trials}" if len(trials) < work.search.trials else ""
    )
    return Searched(
        parameters=winner.parameters, how=f"{how}; {reached} on its folds, {alone} without a search", failed=tuple(failed)
    )


@dataclass(frozen=True)
class _Work:
    """One search: where, for which candidate, in which space, and under which noise its folds are scored."""

    context: StepContext
    assembled: Assembled
    candidate: Candidate
    search: Search
    suite: NoiseSuite

    @cached_property
    def rows(self) -> "pd.DataFrame":
        """The labelled rows before those that candidates are compared on: no other is read into a trial."""
        model, train = self.context.model, self.assembled.train
        assert train is not None
        rows = labelled(model, self.context.services.lake.read_snapshot(model, train.digest), self.context.request.as_of)
        return rows[rows[model.feed.time] < self.assembled.compared_from]

    @cached_property
    def folds(self) -> list[Fold]:
        """Those that each trial is scored on, the newest first."""
        model, ended = self.context.model, self.assembled.compared_from
        periods = sorted(model.periods_of(self.rows[model.feed.time]).unique())
        assert ended is not None
        return folds(model, [start.to_pydatetime() for start in periods], ended, self.candidate.train_periods)

    @cached_property
    def first(self) -> list[dict[str, Any]]:
        """What is tried first: what `build` does by itself, then what the champion has, if it is of this candidate."""
        alone = {name: self.candidate.unsearched[name] for name in self.search.space}
        champion = self._champions()
        return [alone, champion] if champion not in ({}, alone) else [alone]

    def _champions(self) -> dict[str, Any]:
        registry, model, number = self.context.services.registry, self.context.model, self.assembled.champion_version
        tags = registry.version(model.name, number).tags if number else {}
        if tags.get("candidate") != self.candidate.name:
            return {}
        try:
            kept = json.loads(tags.get(PARAMETERS, "{}"))
            mine = {name: kept[name] for name in self.search.space}
        except (ValueError, KeyError, TypeError):
            return {}
        # A tag in MLflow can say anything, and the space may be another by now.
        return mine if self.search.holds(mine) else {}

    @cached_property
    def digest(self) -> str:
        """What names the search: all that its trials depend on."""
        model, train = self.context.model, self.assembled.train
        assert train is not None
        facts = {
            "train_digest": train.digest,
            "rows": f"{len(self.rows)} {self.folds}",
            "recipe": f"{self.candidate.name} {recipe(model, self.candidate, self.candidate.pipeline())}",
            "space": f"{self.search.space} {self.first}",
            "criteria": model.criteria_digest,
            "seed": f"{self.candidate.seed} {model.seed}",
            "suite": self.suite.digest(),
            "git": self.context.services.settings.git_commit,
            "lock": lock_digest(),
        }
        return training_key(facts)

    @cached_property
    def compared(self) -> list[ComparedRows]:
        """The rows that each fold is scored on, under every kind of noise; made when the first trial computes."""
        model, times = self.context.model, self.rows[self.context.model.feed.time]
        return [
            ComparedRows(
                model,
                self.rows[(times >= fold.scored) & (times < fold.ended)].reset_index(drop=True),
                self.suite,
            )
            for fold in self.folds
        ]

    def trial(self, before: list[Trial]) -> Trial:
        """The next trial: kept by an earlier try of the task, or computed now and kept."""
        lake, name = self.context.services.lake, self.context.model.name
        kept = lake.kept_trial(Trial, name, self.digest, len(before))
        if kept is None:
            kept = self._computed(before)
            lake.keep_trial(name, self.digest, kept.number, kept)
        return kept

    def _computed(self, before: list[Trial]) -> Trial:
        proposal = propose(self.search, before, self.first, self.candidate.seed)
        trial = Trial(len(before), proposal.parameters)
        if same := next((one for one in before if one.parameters == trial.parameters), None):
            return replace(same, number=trial.number, seconds=0.0)
        began = time.perf_counter()
        try:
            with computing(self.context.services.settings, self.context.model):
                trial = self._scored(trial, proposal)
        except NoValue as error:
            trial = replace(trial, outcome="failed", problem=str(error))
        except ProvingGroundError:
            raise
        except Exception as error:  # noqa: BLE001 - what a team's own code raises for some parameters ends this trial alone
            trial = replace(trial, outcome="failed", problem=f"{type(error).__name__}: {words_of(error)}")
        return replace(trial, seconds=time.perf_counter() - began)

    def _scored(self, trial: Trial, proposal: Proposal) -> Trial:
        """The trial with its values on the folds, until it is hopeless."""
        candidate = replace(self.candidate, parameters={**self.candidate.parameters, **trial.parameters})
        for number in range(len(self.folds)):
            trial = replace(trial, values=(*trial.values, self._value(candidate, number)))
            if number + 1 < len(self.folds) and proposal.is_hopeless(trial.values):
                return replace(trial, outcome="pruned")
        return trial

    def _value(self, candidate: Candidate, number: int) -> float:
        """What one fit is worth on one fold: the clean/noisy mix, turned so that more is better."""
        model, fold, compared = self.context.model, self.folds[number], self.compared[number]
        times, pipeline = self.rows[model.feed.time], candidate.pipeline()
        learned = self.rows[(times >= fold.trained) & (times < fold.scored)]
        pipeline.fit(*rows_to_fit(model, candidate, learned, labels_of(model, learned)))
        predicted = in_parallel(predict, [(model, pipeline, frame) for frame in compared.frames.values()])
        return compared.scored(candidate.name, predicted).value

    def tell(self, trials: list[Trial]) -> None:
        """The newest trial, in the log and in MLflow; a run that is there already stays as it is."""
        trial, winner, metric = trials[-1], best(trials), primary_metric(self.context.model)
        values = {f"fold_{number + 1}": metric.gain(value) for number, value in enumerate(trial.values)}
        mean = {metric.name: metric.gain(trial.value)} if trial.values else {}
        logged = LoggedTrial(
            search=self.digest,
            title=f"{self.candidate.name} search until {self.assembled.compared_from:%Y-%m-%d}",
            number=trial.number + 1,
            outcome=trial.outcome,
            params=trial.parameters,
            metrics=values | mean | {"seconds": trial.seconds},
            problem=trial.problem,
            best={"trial": str(winner.number + 1), PARAMETERS: json.dumps(winner.parameters)} if winner else {},
            best_value=metric.gain(winner.value) if winner else None,
        )
        _log.info("%s: %s", self.candidate.name, _line(logged, self.search.trials))
        self.context.services.registry.log_trial(self.context.model.name, logged)


def _line(trial: LoggedTrial, of: int) -> str:
    """A trial as a line of the log."""
    worth = ", ".join(f"{name} {value:.4g}" for name, value in trial.metrics.items() if not name.startswith("fold_"))
    reached = "" if trial.best_value is None else f"; best so far {trial.best_value:.4g}, of trial {trial.best['trial']}"
    return f"trial {trial.number} of {of} {trial.outcome}: {trial.problem or worth}{reached}; {in_words(trial.params)}"
