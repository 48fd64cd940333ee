"""The gate: from every model's predictions for the same rows to a verdict with its evidence."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from include.decisions.gate.error_budget import Lane
from include.decisions.gate.self_test import Judge, self_test
from include.decisions.gate.verdict import (
    NOTHING_ELSE,
    Circumstances,
    Decision,
    Word,
    decide,
    not_beaten,
    too_few_clusters,
    unsound,
)
from include.decisions.scoring.baselines import trivial_answers
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.evidence import Answers, ByCondition, against_baselines, blend_gain, cell_of, score
from include.decisions.scoring.metrics import Metric, metrics_of
from include.decisions.scoring.predictions import Labels
from include.decisions.scoring.scorecard import CELL_ROWS, CLEAN, Cell, Scorecard
from include.decisions.scoring.slices import Partition, Searched, search
from include.models.contract import Criteria, Task


@dataclass(frozen=True, eq=False)
class Contest:
    """The same n rows, as each model answered them: from condition to predictions, `clean` among the conditions.

    `champion` is None where there is none to compare with, `anchor` where the frozen reference is one of the two;
    `baselines` is what `learned_from` kept of the training labels; `slices` are judged, `features` are only searched.
    `clusters` are the rows'; None where each row stands for itself.
    """

    task: Task
    criteria: Criteria
    labels: Labels
    challenger: ByCondition
    champion: ByCondition | None = None
    anchor: ByCondition | None = None
    baselines: str | None = None
    slices: Sequence[Partition] = ()
    features: pd.DataFrame | None = field(default=None, repr=False)
    clusters: Clusters | None = None

    @property
    def answers(self) -> Answers:
        """What challenger and champion answered."""
        clusters = self.clusters or Clusters.independent(len(self.labels))
        return Answers(self.labels, self.challenger, self.champion, clusters, self.task == "binary")


def judge(contest: Contest, lane: Lane, circumstances: Circumstances = NOTHING_ELSE) -> tuple[Decision, Scorecard]:
    """The verdict and the whole scorecard; where the self-test fails, the verdict is `blocked`."""
    metrics = _primary_first(contest)
    scorecard = replace(weigh(contest, metrics), suspects=_suspects(contest, metrics[0]))
    decision = decide(scorecard, contest.criteria, lane, circumstances)
    if decision.verdict == "blocked" or too_few_clusters(scorecard):
        return decision, scorecard
    broken = self_test(_as_it_will_be_used(contest, lane), contest.labels, contest.challenger)
    return (Decision("blocked", (*broken, *decision.reasons)), scorecard) if broken else (decision, scorecard)


def quick_verdict(contest: Contest, lane: Lane) -> Decision:
    """The verdict alone, by the primary metric, without the self-test, as in a lane's first comparison."""
    return decide(weigh(contest), contest.criteria, lane)


def _as_it_will_be_used(contest: Contest, lane: Lane) -> Judge:
    # The self-test's challengers have no artifact whose cost could be measured.
    criteria = replace(contest.criteria, max_latency_ms=None, max_size_mb=None, max_memory_mb=None, max_calibration_error=None)
    planted = replace(contest, criteria=criteria, anchor=None)

    def verdict(challenger: ByCondition, champion: ByCondition | None) -> Word:
        return quick_verdict(replace(planted, challenger=challenger, champion=champion), lane).verdict

    return verdict


def _primary_first(contest: Contest) -> list[Metric]:
    metrics = metrics_of(contest.task, contest.criteria)
    return sorted(metrics.values(), key=lambda metric: metric.name != contest.criteria.metric)


def weigh(contest: Contest, metrics: Sequence[Metric] = ()) -> Scorecard:
    """The evidence by some metrics, the primary one first; by default by the primary one alone."""
    metrics = metrics or _primary_first(contest)[:1]
    criteria, answers = contest.criteria, contest.answers
    share = criteria.noisy_share
    scorecard = score(metrics, answers, share, contest.slices, criteria.largest_harm)
    if unsound(scorecard, criteria):
        return scorecard
    trivial = trivial_answers(contest.task, contest.baselines, len(contest.labels)) if contest.baselines else {}
    scorecard = replace(
        scorecard,
        anchor=blend_gain(metrics[0], answers, contest.anchor, share)[0] if contest.anchor else None,
        baselines=against_baselines(metrics[0], answers, trivial),
    )
    if contest.champion is None or not not_beaten(scorecard.baselines):
        return scorecard
    # Only asked where the challenger does not beat one: whether the champion does.
    of_champion = replace(answers, challenger=contest.champion, champion=None)
    return replace(scorecard, champion_baselines=against_baselines(metrics[0], of_champion, trivial))


def _suspects(contest: Contest, metric: Metric) -> tuple[Cell, ...]:
    """The undeclared slices that are worst off, in the gain over the champion, on clean rows."""
    if contest.features is None or contest.champion is None or len(contest.labels) < CELL_ROWS:
        return ()
    searched = contest.features.drop(columns=list(contest.criteria.judged_by), errors="ignore")
    answers = contest.answers
    _, influence = blend_gain(metric, answers, contest.champion, contest.criteria.noisy_share)
    suspects = search(searched, Searched(influence, answers.clusters, CELL_ROWS))
    cells = (cell_of(metric, CLEAN, suspect.name, suspect.rows, answers) for suspect in suspects)
    return tuple(cell for cell in cells if cell.tested)
