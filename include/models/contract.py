"""What a model offers: the one thing a file in this folder must define is `MODEL`.

This module is imported when Airflow parses its DAG files, every few seconds. So nothing here, and nothing at the top of a
model's file, imports a science library; `build` does, in its body.
"""

import hashlib
import inspect
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

from include.errors import ModelError
from include.formats import fault_of
from include.own_columns import OWN
from include.periods import MONTHS, Period, longest, number_of, start_of, starts_of
from include.search_space import Search, Value
from include.sources import Files, Problem, Source

Kind = Literal["number", "category", "text"]
Compute = Literal["local", "dask"]
ReviewPlace = Literal["none", "orchestrator", "registry"]
Task = Literal["binary", "multiclass", "regression"]

if TYPE_CHECKING:
    import pandas as pd

NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_SEED = 20130101
# Of the metrics that decisions/scoring/metrics.py computes.
LOWER_IS_BETTER = ("log_loss", "brier", "mae", "rmse", "pinball")
# The candidate that is in every pool (decisions/data/linear_baseline.py).
BASELINE = "baseline"
BASELINE_TYPES = ("numpy.dtype",)
_A_WEEK = timedelta(weeks=1)
_A_YEAR = timedelta(days=365)
# How late a check, labels or an asked-for retraining may be before silence is an alarm.
SILENT_PERIODS, _SHORTEST_SILENCE = 3, timedelta(days=3)


@dataclass(frozen=True)
class Column:
    """One column of a delivery, and what a value in it must satisfy.

    `low` and `high` are inclusive and in the column's own `unit`; `values` closes the domain of a category;
    `optional` lets a value be missing.
    """

    name: str
    kind: Kind
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    optional: bool = False
    unit: str = ""


@dataclass(frozen=True)
class Feed:
    """How fresh data arrive.

    `period` is how often: a length, counted from a Monday, or the "month" or "quarter" of the calendar, in UTC. Files land
    under `<model>/features/` and, later, `<model>/labels/`. Rows of both carry `key` and `time`; a label counts as known
    `label_delay` after the row's time, whenever its file came. Rows that agree in the columns of `cluster` may share what
    makes them easy or hard: they count as one observation where chance is weighed. Empty means the rows of a day; the key,
    that each row stands for itself.
    """

    key: tuple[str, ...]
    time: str
    period: Period
    label_delay: timedelta
    schedule: str
    max_bad_share: float = 0.2
    mature_share: float = 0.95
    cluster: tuple[str, ...] = ()

    @property
    def longest_period(self) -> timedelta:
        """How long a period lasts at most: for what is a duration. Where a date is meant, `Model.later` has it."""
        return longest(self.period)

    @property
    def fault(self) -> str | None:
        """What cannot be used, in a sentence; None where all can."""
        if not (self.period > timedelta(0) if isinstance(self.period, timedelta) else self.period in MONTHS):
            accepted = f"a timedelta above 0, such as timedelta(weeks=1), or {', '.join(map(repr, MONTHS))}"
            return f"feed.period {self.period!r}: accepted are {accepted}"
        if self.label_delay < timedelta(0):
            return f"feed.label_delay {self.label_delay}: cannot be negative"
        return None


@dataclass(frozen=True)
class Money:
    """What one prediction of a binary model is worth, per cell of the confusion matrix, in `currency`; costs are negative."""

    true_positive: float = 0.0
    false_positive: float = 0.0
    false_negative: float = 0.0
    true_negative: float = 0.0
    currency: str = "EUR"


@dataclass(frozen=True)
class Worth:
    """What replay weighs a cadence by, in `currency`: one retraining, its review by a person included, against one point.

    A point is 0.01 of a metric that lies between 0 and 1, of log loss and of R²; it is one unit of any other, a team's own
    included. Its worth is that of one period of the feed. The defaults are an hour of a person, and a point that pays for it
    within a period: say your own.
    """

    retrain: float = 50.0
    point: float = 50.0
    currency: str = "EUR"


@dataclass(frozen=True)
class OwnMetric:
    """A team's own metric: `function(labels, predictions)` gives one number, or one per row, whose mean is the metric.

    Labels have the shape (n,); predictions are what the model's task gives: probabilities or values of shape (n,), or for a
    multi-class model the ranked labels of shape (n, k), best first.
    """

    name: str
    function: Callable[[Any, Any], Any] = field(compare=False)
    higher_is_better: bool = True


@dataclass(frozen=True)
class Criteria:
    """Success criteria, fixed before training and hashed onto every version.

    `floor` and `noisy_floor` bound the primary metric on the clean and on the noisy holdout, in its own unit; `margin` is the
    non-inferiority margin, in the same unit; `noisy_share` is the weight of noisy rows in the score that decides.
    `slices` are features whose values are judged one by one: a significant loss of more than `harm` (default: two
    margins) in one of them, or under one kind of noise, refuses the challenger. `fairness` names features or groups of the
    model: each of their values is judged like a slice, and the card shows by how much the values differ from each other. The
    challenger may lie at most `anchor_margin` (one and a half margins) below the frozen reference. `threshold` is where a
    probability becomes a yes, `quantile` that of the pinball loss, `review_budget` the share of rows that people can look at,
    those with the highest scores: `precision_at_budget` is computed where it is the metric or the share is not the usual
    hundredth. Other budgets are for one row's answer (95th percentile), the artifact, the memory of a process that serves it,
    and the mean gap between what is predicted and what happens; None asks for nothing.
    """

    metric: str
    floor: float
    noisy_floor: float
    margin: float
    noisy_share: float = 0.5
    min_rows: int = 200
    min_positives: int = 50
    slices: tuple[str, ...] = ()
    fairness: tuple[str, ...] = ()
    harm: float | None = None
    anchor_margin: float | None = None
    threshold: float = 0.5
    quantile: float = 0.5
    review_budget: float = 0.01
    money: Money | None = None
    own_metrics: tuple[OwnMetric, ...] = ()
    max_latency_ms: float | None = None
    max_size_mb: float | None = None
    max_memory_mb: float | None = None
    max_calibration_error: float | None = None

    @property
    def higher_is_better(self) -> bool:
        """Whether more of the primary metric is better."""
        own = {metric.name: metric.higher_is_better for metric in self.own_metrics}
        return own.get(self.metric, self.metric not in LOWER_IS_BETTER)

    @property
    def judged_by(self) -> tuple[str, ...]:
        """The columns whose values are judged one by one."""
        return tuple(dict.fromkeys([*self.slices, *self.fairness]))

    @property
    def largest_harm(self) -> float:
        """What a slice or a kind of noise may lose, in the metric's unit."""
        return 2 * self.margin if self.harm is None else self.harm

    @property
    def anchor_tolerance(self) -> float:
        """What a challenger may lie below the frozen reference, in the metric's unit."""
        return 1.5 * self.margin if self.anchor_margin is None else self.anchor_margin


@dataclass(frozen=True)
class NoisePlan:
    """What a model changes about the default noise suite; names are those of the corruptions in include/noise.

    `add` and `drop` corruptions; `severities` replaces the rates, 0 to 1, of one; `columns` narrows one to some columns;
    `misspellings` and `synonyms` are the team's own, from the right word to what people write.
    """

    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    severities: Mapping[str, tuple[float, ...]] = field(default_factory=dict, hash=False)
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    misspellings: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Augment:
    """Train on the clean rows and on `copies` corrupted copies of them, each kind of noise at `severity`, 0 to 1.

    The draw is disjoint from the holdout's. Empty `corruptions` means all of the suite's.
    """

    copies: int = 1
    severity: float = 0.2
    corruptions: tuple[str, ...] = ()


@dataclass(frozen=True)
class KnownDays:
    """Days of every year on which other data than usual are expected: from `first` to `last`, both MM-DD and inclusive."""

    name: str
    first: str
    last: str


@dataclass(frozen=True)
class Probation:
    """How long a new champion is compared with the one it replaced, on the same rows, and what follows if it is worse.

    `periods` are those of the feed that start after the promotion and whose labels have come. There are `looks` at them, as
    far apart as can be, that find an equal champion worse in a share `alpha` of all probations, however many looks there are.
    `then` proposes a rollback to people, or does it.
    """

    periods: int = 4
    looks: int = 2
    alpha: float = 0.025
    then: Literal["propose", "roll_back"] = "propose"

    @property
    def fault(self) -> str | None:
        """What cannot be used, in a sentence; None where all can."""
        if not 1 <= self.looks <= 10:
            return f"probation.looks {self.looks}: from 1 to 10"
        if self.periods < self.looks:
            return f"probation.periods {self.periods}: at least one for each of the {self.looks} looks"
        if not 0 < self.alpha < 0.5:
            return f"probation.alpha {self.alpha}: above 0 and below 0.5"
        if self.then not in ("propose", "roll_back"):
            return f"probation.then {self.then!r}: propose or roll_back"
        return None


@dataclass(frozen=True)
class Retraining:
    """When a model is retrained, and what one retraining is worth.

    `cadence` is a cron expression in UTC. `when` is "it pays": a fresh model is tried against the champion whenever a period
    has matured, or as rarely as makes one retraining worth a point a period (`worth`); the gate spends its error budget on
    each. Or "decay": only when quality has lost more than `decay_share` of what it was, on two mature periods and beyond
    chance, which is told in both cases. A retraining is requested as well when the last one is `max_model_age` ago (None:
    thirteen periods of the feed, at least 30 days and at most a year). Within `cool_down` of the last one (None: the label
    delay) decay requests no other. Drift alone requests one only with `on_drift`, for models whose labels are too late to
    wait for. `worth` is also what a replay weighs a cadence by.
    """

    cadence: str
    when: Literal["it pays", "decay"] = "it pays"
    decay_share: float = 0.05
    on_drift: bool = False
    cool_down: timedelta | None = None
    max_model_age: timedelta | None = None
    worth: Worth = field(default_factory=Worth)


@dataclass(frozen=True)
class Review:
    """Who is asked before a challenger is promoted.

    With `where` "none" the gate alone decides. With "orchestrator" a person answers in the form of Airflow (or Prefect), with
    "registry" by a tag on the version in MLflow, in both cases `within` that time. `reviewers` are the users who may answer,
    by their ids in the orchestrator; empty means every user who may answer there.
    """

    where: ReviewPlace = "none"
    reviewers: tuple[str, ...] = ()
    within: timedelta = timedelta(days=2)

    @property
    def fault(self) -> str | None:
        """What cannot be used, in a sentence; None where all can."""
        if self.where not in get_args(ReviewPlace):
            return f"review.where {self.where!r}: accepted are {', '.join(get_args(ReviewPlace))}"
        if isinstance(self.reviewers, str) or not all(isinstance(user, str) and user.strip() for user in self.reviewers):
            return f'review.reviewers {self.reviewers!r}: name the users one by one, such as ("alice", "bob")'
        if self.within <= timedelta(0):
            return f"review.within {self.within}: must be longer than nothing"
        return None


@dataclass(frozen=True)
class Governance:
    """What a reviewer of model risk asks and no data can tell; what is empty is named as missing in the evidence pack.

    `intended_use` says for what decisions the answers may be used, `limits` for what not, `assumptions` what has to hold;
    `risk_tier` is in the words of the team's own policy; `reviewer` is the person or team who reviews the model and did not
    build it, again after `review_every`.
    """

    intended_use: str = ""
    limits: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    risk_tier: str = ""
    reviewer: str = ""
    review_every: timedelta | None = None

    @property
    def fault(self) -> str | None:
        """What cannot be used, in a sentence; None where all can."""
        for name in ("limits", "assumptions"):
            if isinstance(getattr(self, name), str):
                return f'governance.{name} {getattr(self, name)!r:.80}: name each one, as ("…",) with the comma'
        if self.review_every is not None and self.review_every <= timedelta(0):
            return f"governance.review_every {self.review_every}: must be longer than nothing"
        return None


@dataclass(frozen=True)
class Refresh:
    """A promoted version is fitted once more with the hold-out's rows, and that version answers.

    Its answers to these rows, clean and over all kinds of noise, may lie `largest_shift` standard deviations away from those
    of the validated version, on average; of classes, a share `largest_change` of the first answers may be others. Two fits of
    one recipe on rows that differ by a fifth lie half a deviation apart on flights; unrelated answers lie 1.1 apart.
    """

    largest_shift: float = 0.75
    largest_change: float = 0.5

    def allowed(self, task: Task) -> float:
        """What applies to a task."""
        return self.largest_change if task == "multiclass" else self.largest_shift


@dataclass(frozen=True)
class Candidate:
    """One way to solve a model's problem; `name` tells it from the other candidates.

    `build(seed, **parameters)` returns an unfitted pipeline that takes the raw feature columns as a DataFrame: of
    scikit-learn's parts, of what has its interface, such as LightGBM, or of the team's own. A version of it is kept in the
    format `artifact`: "skops", "onnx", or an MLflow flavour such as "mlflow.sklearn" for the reason `because`;
    `trusted_types` lists the types beyond skops' defaults that loading it may create. `train_periods` is the length of the
    training window (None: all history), `augment` adds corrupted copies of the training rows, `seed` is the seed of the
    training alone. `search` chooses parameters of `build` in each retraining, on rows before those that candidates are
    compared on.
    """

    build: Callable[..., Any] = field(compare=False)
    trusted_types: tuple[str, ...] = ()
    augment: Augment | None = None
    train_periods: int | None = None
    seed: int = _SEED
    name: str = "main"
    parameters: Mapping[str, Value] = field(default_factory=dict, hash=False)
    search: Search | None = None
    artifact: str = "skops"
    because: str = ""

    @property
    def fault(self) -> str | None:
        """What cannot be used, in a sentence; None where all can."""
        if not isinstance(self.name, str) or not NAME.fullmatch(self.name) or self.name == BASELINE:
            return f"a candidate's name {self.name!r}: use lower-case letters, digits and _, at most 50; {BASELINE} is taken"
        if self.train_periods is not None and self.train_periods < 1:
            return f"train_periods {self.train_periods} of candidate {self.name}: at least 1, or None for all history"
        if fault := fault_of(self.artifact, self.because):
            return f"candidate {self.name}: {fault}"
        try:
            inspect.signature(self.build).bind(self.seed, **self.parameters)
        except TypeError as error:
            return f"candidate {self.name} calls build(seed, **{dict(self.parameters)}): {error}"
        fault = self.search.fault(self.unsearched) if self.search else None
        return f"search of candidate {self.name}: {fault}" if fault else None

    @property
    def unsearched(self) -> dict[str, Any]:
        """What `build` gets where nothing is searched, by name: its own defaults, and declared `parameters` before them."""
        _, *named = inspect.signature(self.build).parameters.values()
        return {one.name: one.default for one in named if one.default is not one.empty} | dict(self.parameters)

    def pipeline(self) -> Any:
        """A new, unfitted pipeline."""
        return self.build(self.seed, **self.parameters)


def _odd_names(names: Sequence[str]) -> str:
    """Why one of some names of columns cannot be used; empty where all can."""
    for name in names:
        if not isinstance(name, str) or not name or name != name.strip() or not name.isprintable():
            return f"column {name!r}: a name has printable characters, and no spaces around them"
        if name.startswith(OWN):
            return f"column {name!r}: names that begin with {OWN} are the pipeline's own"
        if ":" in name or name.startswith("(") or name.endswith((" (length)", " (words)")):
            return f"column {name!r}: reasons and charts use colons, names in parentheses, and names with (length) or (words)"
    return ""


def _faults_of(candidates: Sequence[Candidate]) -> list[tuple[bool, str | None]]:
    """What is wrong with some candidates, each with whether it is."""
    if not isinstance(candidates, tuple):
        return []
    names = [candidate.name for candidate in candidates]
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    one_name = (bool(twice), f"{len(names)} candidates, of which several are called {', '.join(twice)}: name each one")
    return [(bool(candidate.fault), candidate.fault) for candidate in candidates] + [one_name]


@dataclass(frozen=True)
class Model:
    """One problem: what is predicted, from what, under which success criteria; and the candidates that may solve it.

    Each retraining compares all `candidates`, and a linear baseline, on rows before the hold-out; the winner alone meets the
    champion. Of candidates that are as good as each other the one that is declared first wins. `retraining` says when it is
    trained again, `review` who is asked before a promotion. With `refresh`, or None, the promoted version learns the rows of
    the hold-out too. After a promotion comes its `probation`, or None. `calendar` names days on which drift is expected.
    `groups` are columns that are delivered with the features and that no candidate ever sees, such as the sex of a customer:
    `criteria.fairness` may judge by them.
    `governance` is what a reviewer of model risk asks of people.
    `source` is where its rows come from: files that land (the default), or queries, see include/sources/sql.py.
    `holdout_periods` of the newest periods are held out to judge by (None: those of a week, at least one).
    `seed` fixes every draw that all candidates share: the noise on the hold-out, and samples of rows.

    With `compute` "dask", training, the evaluation under noise and replays are done by the cluster that
    PROVING_GROUND_DASK_SCHEDULER names, with the same results.
    """

    name: str
    owner: str
    description: str
    task: Task
    label: Column
    features: tuple[Column, ...]
    feed: Feed
    criteria: Criteria
    retraining: Retraining
    candidates: tuple[Candidate, ...]
    groups: tuple[Column, ...] = ()
    noise: NoisePlan = field(default_factory=NoisePlan)
    holdout_periods: int | None = None
    min_train_periods: int = 4
    probation: Probation | None = field(default_factory=Probation)
    refresh: Refresh | None = field(default_factory=Refresh)
    calendar: tuple[KnownDays, ...] = ()
    review: Review = field(default_factory=Review)
    governance: Governance = field(default_factory=Governance)
    source: Source = field(default_factory=Files)
    compute: Compute = "local"
    seed: int = _SEED

    def __post_init__(self) -> None:
        """Refuse a model that could not work, naming what is wrong.

        Raises:
            ModelError: a name, column, period or count is not usable.
        """
        names, groups = ([column.name for column in columns] for columns in (self.features, self.groups))
        for wrong, message in (
            (bool(odd := _odd_names([*names, *groups, self.label.name, *self.feed.key, self.feed.time])), odd),
            (
                self.feed.time in names,
                f"features: {self.feed.time!r} is feed.time; derive a feature of its own name from it",
            ),
            (
                self.label.name in (*self.feed.key, self.feed.time),
                f"label {self.label.name!r} is also in feed.key or feed.time: every row would need its answer to be named",
            ),
            (not NAME.fullmatch(self.name), f"name {self.name!r}: use lower-case letters, digits and _, at most 50"),
            (len(set(names)) != len(names), f"features: {sorted({n for n in names if names.count(n) > 1})} appear twice"),
            (self.label.name in names, f"label {self.label.name!r} is also a feature: the model would read its answer"),
            (
                bool(numbers := [c.name for c in self.features if c.kind == "number" and c.name in self.feed.key]),
                f"feed.key: {', '.join(numbers)} is a number, and files of different formats write numbers differently; "
                "declare it as a category, or leave it out of the key",
            ),
            (not self.feed.key, "feed.key is empty: name the columns that identify a row"),
            (
                isinstance(self.feed.cluster, str) or bool(set(self.feed.cluster) - {*names, *self.feed.key}),
                f"feed.cluster {self.feed.cluster!r}: name columns of feed.key or features, one by one, such as "
                f"{(self.feed.key or ('customer',))[:1]!r}; add one to feed.key to have it delivered with both streams",
            ),
            (bool(fault := self.feed.fault), fault),
            (
                bool(days := [d.name for d in self.calendar if not (_DAY.fullmatch(d.first) and _DAY.fullmatch(d.last))]),
                f"calendar: {', '.join(days)} does not go from one MM-DD to another, such as 12-20 to 01-05",
            ),
            (
                self.holdout_periods is not None and self.holdout_periods < 1,
                f"holdout_periods {self.holdout_periods}: at least 1, or None for those of a week",
            ),
            (self.min_train_periods < 1, f"min_train_periods {self.min_train_periods}: at least 1"),
            (
                not isinstance(self.candidates, tuple) or not self.candidates,
                f"candidates {self.candidates!r:.80}: at least one is needed, as (Candidate(…),) with the comma",
            ),
            *_faults_of(self.candidates),
            (
                self.retraining.when not in ("it pays", "decay"),
                f"retraining.when {self.retraining.when!r}: accepted are 'it pays', 'decay'",
            ),
            (
                min(self.retraining.worth.retrain, self.retraining.worth.point) <= 0,
                f"retraining.worth {self.retraining.worth}: both must be above 0",
            ),
            (bool(fault := self.probation.fault if self.probation else None), fault),
            (bool(fault := self.review.fault), fault),
            (bool(fault := self.governance.fault), fault),
            (bool(fault := self.source.fault(self.problem)), fault),
            (
                bool(self.refresh and not min(self.refresh.largest_shift, self.refresh.largest_change) > 0),
                f"refresh {self.refresh}: largest_shift and largest_change must be above 0",
            ),
            (
                bool(unknown := [name for name in self.criteria.fairness if name not in (*names, *groups)]),
                f"criteria.fairness: {', '.join(unknown)} is neither a feature nor one of the groups; there are: "
                f"{', '.join([*names, *groups])}. Add a column that is only judged by to groups",
            ),
            (
                bool(taken := {*names, self.label.name, *self.feed.key, self.feed.time} & set(groups)),
                f"groups: {', '.join(sorted(taken))} is also a feature, the label or in the feed's key or time: a feature may "
                "be named in criteria.fairness as it is",
            ),
            (len(set(groups)) != len(groups), f"groups: {sorted({n for n in groups if groups.count(n) > 1})} appear twice"),
            (self.criteria.margin <= 0, f"criteria.margin {self.criteria.margin}: must be above 0"),
            (
                bool(unknown := [name for name in self.criteria.slices if name not in names]),
                f"criteria.slices: {', '.join(unknown)} is no feature; there are: {', '.join(names)}",
            ),
            (
                (self.task == "multiclass") != (self.label.kind == "category"),
                f"label {self.label.name!r} is declared as {self.label.kind}: a multiclass model's is a category, "
                "others' a number",
            ),
            (
                self.compute not in get_args(Compute),
                f"compute {self.compute!r}: accepted are {', '.join(get_args(Compute))}",
            ),
            (not 0 <= self.criteria.noisy_share <= 1, f"criteria.noisy_share {self.criteria.noisy_share}: between 0 and 1"),
        ):
            if wrong:
                raise ModelError(f"model {self.name!r}: {message}. Correct it in include/models/{self.name}.py.")

    @property
    def criteria_digest(self) -> str:
        """Sixteen hex digits that change when what a verdict rests on does.

        That is the success criteria, a team's own metrics included, the noise plan, and what counts as one observation.
        """
        parts = [asdict(self.criteria), asdict(self.noise), *self.feed.cluster]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=inspect.getsource).encode()).hexdigest()[:16]

    @property
    def problem(self) -> Problem:
        """What a source has to know."""
        return Problem(self.name, self.feed.key, self.feed.time)

    @property
    def candidate(self) -> Candidate:
        """The candidate that is declared first."""
        return self.candidates[0]

    def with_candidate(self, **changes: Any) -> "Model":
        """The same problem with one candidate: the first one, changed."""
        return replace(self, candidates=(replace(self.candidate, **changes),))

    @property
    def trusted_types(self) -> tuple[str, ...]:
        """The types beyond skops' defaults that loading a version of this model may create."""
        return tuple(dict.fromkeys([*self.declared_types, *BASELINE_TYPES]))

    @property
    def declared_types(self) -> tuple[str, ...]:
        """Those of them that its candidates declare."""
        return tuple(dict.fromkeys(name for candidate in self.candidates for name in candidate.trusted_types))

    @property
    def formats(self) -> frozenset[str]:
        """The formats that a version of this model may be kept in: its candidates', and the linear baseline's."""
        return frozenset({"skops", *(candidate.artifact for candidate in self.candidates)})

    @property
    def held_out(self) -> int:
        """How many periods are held out: by default as many as make a week, one of a longer period.

        Seven days are clusters enough to tell chance by, and each period that is held out is one that no challenger has seen.
        """
        return self.holdout_periods or math.ceil(_A_WEEK / self.feed.longest_period)

    @property
    def effective_cool_down(self) -> timedelta:
        """How long after a retraining no other is requested: its effect is not seen before its labels have come."""
        return self.feed.label_delay if self.retraining.cool_down is None else self.retraining.cool_down

    @property
    def max_model_age(self) -> timedelta:
        """After what time without a retraining one is requested: within a year, unless a model says otherwise."""
        declared = self.retraining.max_model_age
        period = self.feed.longest_period
        usual = min(max(13 * period, timedelta(days=30)), max(_A_YEAR, period))
        return usual if declared is None else declared

    @property
    def worthwhile_periods(self) -> int:
        """Where retraining is asked for as often as it pays: how many periods lie between two at least.

        So many that one retraining costs what a point is worth in all of them; a declared cool-down may ask for more.
        """
        return max(1, math.ceil(self.retraining.worth.retrain / self.retraining.worth.point))

    @property
    def delivered(self) -> tuple[Column, ...]:
        """The columns of a delivery of features: what candidates see, and the groups, which they do not."""
        return (*self.features, *self.groups)

    @property
    def feature_names(self) -> list[str]:
        """The columns that `build`'s pipeline is fitted on, in order."""
        return [column.name for column in self.features]

    def column(self, name: str) -> Column:
        """The feature of that name; KeyError if there is none."""
        return {column.name: column for column in self.features}[name]

    def period_of(self, moment: datetime) -> datetime:
        """Start of the period that holds `moment` (aware UTC); weeks start on Monday."""
        return start_of(self.feed.period, number_of(self.feed.period, moment))

    def periods_of(self, moments: "pd.Series[pd.Timestamp]") -> "pd.Series[pd.Timestamp]":
        """Start of each moment's period, for a whole column of UTC times."""
        return starts_of(self.feed.period, moments)

    def periods_between(self, earlier: datetime, later: datetime) -> int:
        """How many periods later the period of one moment is than that of another; negative where it is before it."""
        return number_of(self.feed.period, later) - number_of(self.feed.period, earlier)

    def later(self, moment: datetime, periods: int = 1) -> datetime:
        """The same place so many periods later: of a start the start; as far into its period as that is long."""
        period, number = self.feed.period, number_of(self.feed.period, moment)
        there = start_of(period, number + periods) + (moment - start_of(period, number))
        return min(there, start_of(period, number + periods + 1) - timedelta.resolution)

    def earlier(self, moment: datetime, periods: int = 1) -> datetime:
        """The same place so many periods before."""
        return self.later(moment, -periods)

    def silent_after(self, moment: datetime) -> datetime:
        """From when on silence since a moment is an alarm: however short a period is, a check may be days apart."""
        return max(self.later(moment, SILENT_PERIODS), moment + _SHORTEST_SILENCE)


def candidate_names(model: Model) -> list[str]:
    """The names of all that are compared in a retraining: the declared candidates, and the linear baseline last."""
    return [*(candidate.name for candidate in model.candidates), BASELINE]
