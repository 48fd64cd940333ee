"""What tasks hand over: keys, digests and versions, never data."""

import hashlib
import json
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from include.periods import CalendarPeriod
from include.search_space import Value


class Result(BaseModel):
    """The root: frozen, no extra keys, and `summary` tells a person what happened in one line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    summary: str = ""


class Event(BaseModel):
    """What asks for another run of the same model; `name` is the event's, after the model's."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: ClassVar[str]

    as_of: datetime
    reason: str


class RetrainingRequested(Event):
    """Triage requests a retraining; a `routine` one as in `Finding`."""

    name: ClassVar[str] = "needs_retraining"

    routine: bool = False


class RollbackRequested(Event):
    """Probation asks for a rollback to `target`, as long as `instead_of` is the champion."""

    name: ClassVar[str] = "needs_rollback"

    target: str
    instead_of: str
    by: str = "probation"


class LandedFile(Result):
    """One object in landing, pinned to the bytes that were listed; `size` is how many."""

    key: str
    etag: str
    stream: Literal["features", "labels"]
    landed_at: datetime
    size: int = 0


class Intake(BaseModel):
    """The record that a landing file is done: how many of its rows went on, into which periods, and why others did not.

    `withdrawn` says who withdrew the file, and why; empty for a delivery. `known` is since when the pipeline knows of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: LandedFile
    rows: int
    reasons: dict[str, int]
    periods: tuple[datetime, ...] = ()
    withdrawn: str = ""
    known: datetime | None = None


class TakenIn(BaseModel):
    """What the newest check took in, as of a time; counted once the monitor's status of that time is there.

    `known` is since when each file is known, by its id.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    as_of: datetime
    files: tuple[LandedFile, ...]
    known: dict[str, datetime] = {}


class QuarantinedRow(BaseModel):
    """One row that broke the contract: of which file, its number there, why, and its values as delivered.

    Where no values could be told apart, `line` is the beginning of what stands there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    row: int
    reasons: list[str]
    values: dict[str, Any]
    line: str = ""


class Erased(BaseModel):
    """The record of an erasure: how much was removed where, and which curated files took the place of which.

    It holds no key of a row. `versions` were trained or judged on erased rows; `left` names what has to be removed elsewhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    by: str
    reason: str
    keys: int
    rows: int = 0
    predictions: int = 0
    quarantined: int = 0
    samples: int = 0
    versions: tuple[str, ...] = ()
    replaced: dict[str, str] = {}
    left: tuple[str, ...] = ()


class ManifestFile(BaseModel):
    """One curated file of a snapshot."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    sha256: str


class Manifest(BaseModel):
    """What a snapshot consists of: the curated files of the periods in [start, end).

    `key`, `time` and `period`, in seconds or by name, tell its rows apart: they stay those of its model at that time.
    `known_by` is as of when its rows were known, where that makes a difference among these files.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    hashed: ClassVar[bool] = True

    model: str
    start: datetime
    end: datetime
    files: tuple[ManifestFile, ...]
    key: tuple[str, ...] = ()
    time: str = ""
    period: float | CalendarPeriod = 0.0
    known_by: datetime | None = None


class Batch(Result):
    """The files that no earlier run has finished."""

    files: tuple[LandedFile, ...]


class Checked(Result):
    """What became of a batch: rows of features that went on, and rows in quarantine, of which some are of features.

    Of the `labels` that went on, `unmatched` have the key and period of no row; `first_unmatched` is the first such key.
    """

    rows: int
    quarantined: int
    bad_features: int = 0
    labels: int = 0
    unmatched: int = 0
    first_unmatched: str = ""
    reasons: dict[str, int]
    quarantine_keys: tuple[str, ...] = ()


class Champion(Result):
    """The version that answers in production."""

    version: str
    run_id: str


class Shadowed(Result):
    """One period of a probation: where the predictions of both versions for the same rows are kept."""

    start: datetime
    key: str
    shadow_key: str


class Shadow(Result):
    """The previous champion, which goes on scoring what the new one scores; `impossible` says why it cannot any more.

    `given_up` says that the probation has lasted as long as it may.
    """

    version: str
    against: str
    periods: tuple[Shadowed, ...] = ()
    impossible: str = ""
    given_up: bool = False


class Scored(Result):
    """Predictions kept for the newest periods; `champion` and `shadow` are None while there is none.

    `changed` are older periods whose rows or labels are others than those that quality was measured on.
    """

    champion: Champion | None
    period: datetime | None
    prediction_keys: tuple[str, ...] = ()
    changed: tuple[datetime, ...] = ()
    shadow: Shadow | None = None


class Moved(Result):
    """One thing that moved: what, by how much, and for how many periods in a row it has stood.

    `view` is a column, one side of it, or in brackets something about all of them; `weight` is its share of what the champion
    uses; `effect` is in standard deviations of the rank, a difference of shares, or of the number of rows its relative change;
    `before` is that of the period before, 0 where it did not stand.
    """

    view: str
    kind: Literal["shift", "new", "noise", "predictions", "label", "together", "volume"]
    what: str
    effect: float
    before: float = 0.0
    in_a_row: int = 1
    weight: float = 0.0
    season: str = ""


class Probated(Result):
    """The result of probation in this run: which versions were compared, the newest look, and what follows.

    `looks` have been taken in all. `decision` is "none" where no version is on probation, "going on" between looks too,
    "impossible" where the previous champion cannot be asked or the labels never came. `z` is of new against previous, worse
    below minus `bound`. `then` is what the model wants where it is worse.
    """

    decision: Literal["none", "going on", "worse", "passed", "impossible"] = "none"
    version: str | None = None
    against: str | None = None
    looks: int = 0
    z: float | None = None
    bound: float | None = None
    then: Literal["propose", "roll_back"] = "propose"


class Drift(Result):
    """How the newest period differs from what the champion was trained on; `drifted` names the columns of `moved`.

    `outdated` says why the champion's training rows cannot be compared with it any more; empty where they can. `sound_again`
    are earlier periods that were called broken for their number of rows alone, which is the usual one by now; `accepted_by`
    is the person who called this period's number normal.
    """

    period: datetime | None
    columns: int = 0
    moved: tuple[Moved, ...] = ()
    drifted: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    report_url: str | None = None
    outdated: str = ""
    sound_again: tuple[datetime, ...] = ()
    accepted_by: str = ""


class Cause(BaseModel):
    """One kind of cause of a loss (decisions/monitoring/causes.py): its share, a 95 % interval, and where most of it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["corruption", "mix", "inputs", "answer", "unclear"]
    share: float
    low: float
    high: float
    where: tuple[str, ...] = ()

    @property
    def in_words(self) -> str:
        """What kind of cause it is."""
        return {
            "corruption": "corrupted values",
            "mix": "another mix of segments",
            "inputs": "inputs that moved (covariate shift)",
            "answer": "another answer to the same inputs (concept drift)",
            "unclear": "inputs that are nowhere like before, or another answer to them",
        }[self.kind]


class Why(BaseModel):
    """Why quality fell: by how much the mean `loss` rose, with a 95 % interval, and its causes, the largest first.

    The shares add up to `rise`. `rows_before` and `rows_now` were compared.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    loss: str
    rise: float
    low: float
    high: float
    rows_before: int
    rows_now: int
    causes: tuple[Cause, ...]

    @property
    def first(self) -> Cause | None:
        """The largest cause, where chance explains neither it nor the rise."""
        return self.causes[0] if min(self.low, self.causes[0].low) > 0 else None


class Quality(Result):
    """The champion's primary metric on the newest mature period, with a 95 % interval.

    `recent` is the same on the newest two mature periods together, `reference` on the first ones; `fallen` says that the
    newest one alone has lost more than it may. `overdue` is by how many periods the labels are late. `estimate` is for
    `estimate_of`, the newest period, whose labels have not come: it proves nothing. `why` is None where quality has not
    fallen, or rows are too few to tell. `labelled_periods` counts the mature ones while there is no champion.
    """

    period: datetime | None
    metric: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    rows: int = 0
    recent: float | None = None
    reference: float | None = None
    fallen: bool = False
    decayed: bool = False
    newest_maturity: float | None = None
    overdue: int = 0
    estimate: float | None = None
    estimate_low: float | None = None
    estimate_high: float | None = None
    estimate_of: datetime | None = None
    why: Why | None = None
    labelled_periods: int | None = None


class Finding(Result):
    """The result of triage: one word, its reason, and what a person may do about it; `title` says in a few words what it is.

    `page` is what a person has to know whatever the action; empty where there is nothing. A `routine` retraining is the usual
    look whether a fresh model pays: people hear of it when something comes of it.
    """

    action: Literal["nothing", "note", "wait", "page", "alarm", "retrain", "stop"]
    reason: str
    advice: str = ""
    page: str = ""
    routine: bool = False
    title: str = ""

    @property
    def headline(self) -> str:
        """What it is, in a few words; the action where triage wrote none."""
        return self.title or self.action


class Snapshot(Result):
    """An immutable set of curated files, named by digest."""

    digest: str
    start: datetime
    end: datetime
    rows: int


class Window(BaseModel):
    """Where the rows begin that a candidate is fitted on: to be compared (None: nothing is compared), and to be challenger."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    compared: datetime | None
    trained: datetime


class Assembled(Result):
    """The two snapshots of one retraining; `skipped` says why there is nothing to train.

    Candidates are compared on the rows of `train` from `compared_from` on, where there is enough history for that; `windows`
    are those of each candidate, by name.
    """

    train: Snapshot | None = None
    holdout: Snapshot | None = None
    compared_from: datetime | None = None
    windows: dict[str, Window] = {}
    champion_version: str | None = None
    skipped: str | None = None


class Searched(BaseModel):
    """What a search chose: `parameters` of `build` by name, and `how`, in words; empty where nothing was searched.

    `failed` are the trials that raised something: their parameters, and what it was.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: dict[str, Value] = {}
    how: str = ""
    failed: tuple[str, ...] = ()


class Tried(Result):
    """One candidate, scored on the rows that candidates are compared on: where its values are kept.

    `key` is None where it was not compared; `problem` says why it could not be. Fitting it took `seconds`, where it was fitted
    now.
    """

    candidate: str
    key: str | None = None
    problem: str = ""
    seconds: float | None = None
    searched: Searched = Searched()


class Contestant(BaseModel):
    """One of the pool that the challenger was chosen from: by how much the winner is ahead of it, with a 95 % interval.

    `value` is the primary metric on the clean/noisy mix. `problem` says why it could not be compared.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    value: float | None = None
    ahead: float | None = None
    low: float | None = None
    high: float | None = None
    seconds: float | None = None
    problem: str = ""
    searched: Searched = Searched()


class Trained(Result):
    """A registered challenger, and the pages of its version and its run; `version` is None when there was nothing to train.

    It was fitted on `train`, and is the `candidate` of that name with the `parameters` that a search chose, if any; it was
    chosen from a `pool` because of `choice`. One that `returns`
    was champion before, and is what it was.
    """

    version: str | None
    candidate: str = ""
    parameters: dict[str, Value] = {}
    choice: str = ""
    pool: tuple[Contestant, ...] = ()
    train: Snapshot | None = None
    returns: bool = False
    run_id: str | None = None
    artifact_digest: str | None = None
    version_url: str | None = None
    run_url: str | None = None


# What a validation may look at beside the gate: whether the recipe is repeatable, which pool and search the challenger came
# from, a linear model on the same rows, what each feature is worth, how groups differ.
EXAMINED = ("repeatable", "pool", "search", "baseline", "importance", "groups")
# By so many digits of its evidence a judgement is named: on buttons and tags, and in the name of its card.
SHORT = 12


class AgainstAnchor(BaseModel):
    """The challenger's gain over the frozen reference `version` on the clean/noisy mix, and its lower 99 % bound.

    Stricter than what most promotions need, so that the reference is not whatever was promoted last.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    gain: float
    low: float

    @property
    def proved(self) -> bool:
        """Whether the challenger was shown to be better: promoted, it becomes the reference."""
        return self.low > 0


class Verdict(Result):
    """What validation decided, and on which evidence; `card_url` is None when there was nothing to judge.

    `evidence` names all that the decision rests on: 64 hex digits that change when any of it does. An approval repeats them.
    The challenger `returns` where it was champion before. A `rescue` is better than the champion, and still below the floors.
    `tags` are those of the version that later runs decide by, and
    `mlflow_run` is the run that made it: the ledger keeps both.
    """

    verdict: Literal["promote", "keep", "inconclusive", "blocked"]
    reasons: tuple[str, ...]
    version: str | None
    artifact_digest: str | None
    champion_version: str | None
    holdout_digest: str | None = None
    suite_digest: str | None = None
    criteria_digest: str | None = None
    card_url: str | None = None
    # What came of each of the gate's checks, by its name.
    checks: dict[str, str] = {}
    # What else was looked at, which decides nothing: see EXAMINED.
    examined: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    mlflow_run: str | None = None
    against_anchor: AgainstAnchor | None = None
    returns: bool = False
    rescue: bool = False

    @property
    def evidence(self) -> str:
        """The digest of what was judged, on what, against whom, and how it was decided."""
        judged = {name: getattr(self, name) for name in _EVIDENCE}
        return hashlib.sha256(json.dumps(judged, sort_keys=True).encode()).hexdigest()

    def named_evidence(self) -> dict[str, Any]:
        """The same by name, for the ledger: what a person may want to look up later."""
        named = {name: getattr(self, name) for name in _EVIDENCE} | {"reasons": list(self.reasons)[:10]}
        named |= {"evidence": self.evidence, "card": self.card_url, "tags": self.tags, "mlflow_run": self.mlflow_run}
        return named | ({"against_anchor": self.against_anchor.model_dump()} if self.against_anchor else {})


_EVIDENCE = (
    "verdict",
    "reasons",
    "version",
    "artifact_digest",
    "champion_version",
    "holdout_digest",
    "suite_digest",
    "criteria_digest",
)


class Refitted(Result):
    """The historical models, kept on the lake under a digest; `skipped` says why there are none."""

    digest: str | None = None
    models: int = 0
    trained: int = 0
    periods: int = 0
    skipped: str | None = None


class Recommended(Result):
    """How often to retrain, in words, and the page that shows why; both None where there is too little history."""

    recommendation: str | None = None
    report_url: str | None = None
    periods: int = 0
    models: int = 0


class Question(Result):
    """What a person is asked: a headline, markdown that holds all that is needed to decide, and until when.

    `answered_in` says where that is, `url` is the page; with `needs_reason` an approval without a reason does not count.
    `reviewers` are the users who may answer; empty means every user who may answer there.
    """

    where: Literal["orchestrator", "registry"]
    answered_in: str
    subject: str
    body: str
    evidence: str
    version: str
    until: datetime
    url: str
    reviewers: tuple[str, ...] = ()
    needs_reason: bool = False


# Who answered, where no one did.
NO_ANSWER = "no one"


class Answer(Result):
    """What a person answered; `decision` is None where no one did in time.

    `evidence` is the beginning of what was on the page that it was answered on, where the page tells.
    """

    decision: Literal["approve", "reject"] | None
    by: str = NO_ANSWER
    why: str = ""
    at: datetime | None = None
    evidence: str = ""


class Approval(Result):
    """Whether the challenger may be promoted, who decided so and why, and for which evidence of the verdict.

    `override` says that a person approved what the gate found inconclusive. `question` is there as long as it has no answer.
    """

    approved: bool
    by: str
    why: str = ""
    evidence: str = ""
    override: bool = False
    at: datetime | None = None
    question: Question | None = None


class Promotion(Result):
    """Which version is champion now, and whether that changed; `frozen` says who holds promotions back, and until when."""

    promoted: bool
    champion_version: str | None
    previous_version: str | None
    frozen: str = ""


class Refreshed(Result):
    """The champion that also learned the hold-out's rows, instead of the validated one; `problems` say why there is none."""

    version: str | None = None
    instead_of: str | None = None
    problems: tuple[str, ...] = ()


class Reconciled(Result):
    """Who is champion, now that registry and ledger agree; `by_hand` says that it was changed outside of the pipeline.

    `unpublished` says why inference servers do not get this champion; None where they do, or where nothing is published.
    `held` are the freezes and snoozes in force, in words.
    """

    champion_version: str | None
    by_hand: bool
    unpublished: str | None = None
    held: tuple[str, ...] = ()


class VerifiedTarget(Result):
    """A version that could be gone back to: its file loads and answers stored rows, of which `sample` is the digest.

    `current` is champion now; `undoes` says that the target is the version that was rolled back from, which is to be restored.
    """

    target: str
    current: str | None
    artifact_digest: str
    sample: str
    undoes: bool = False


class RolledBack(Result):
    """Which version is champion after a rollback, and which was; nothing has moved where `dry_run` was ticked.

    `undone` says that it was the undoing of a rollback: nothing is blocked by it.
    """

    rolled_back: bool
    champion_version: str | None
    from_version: str | None
    undone: bool = False
