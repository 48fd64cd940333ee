"""What the pipeline asks of a model registry: versions of a model, their aliases and tags, and the artifacts behind them."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from include.errors import RegistryError
from include.models.contract import Model
from include.results import SHORT

if TYPE_CHECKING:
    import pandas as pd

    from include.adapters.fresh_process import ArtifactTrial

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
# The frozen reference: the first champion, until a version is proved better and promoted, or a person moves it.
ANCHOR = "anchor"
# A tag, for people: the version was champion once. What follows from it is in the ledger.
WAS_CHAMPION = "was_champion"
# A tag: the version was champion and was rolled back from; when, by whom and why.
ROLLED_BACK = "rolled_back"
# A tag: what the newest verdict on the version rests on.
EVIDENCE = "evidence"
# A tag: what trivial answers would have learned from the training's labels.
BASELINES = "baselines"
# A tag: the recipes of all candidates that the version was chosen from.
POOL = "pool"
# A tag: what a search chose for the version's `build`, by name, as JSON.
PARAMETERS = "parameters"
# A tag: the format that the version is kept in.
ARTIFACT = "artifact"
# A tag: the team's own modules that it runs, each with a digest of its source, as JSON.
OWN_CODE = "own_code"
# The version that was validated, of one that learned the hold-out's rows too.
REFRESHES = "refreshes"
# Whether two fits on the same rows gave the same answers: yes, no, or not known.
REPEATS = "repeats"
# A tag: how often the history had been taken in as a whole when the version was trained on it.
TAKEN_IN = "taken_in"
# A tag: what was withdrawn or erased of the rows that the version was trained or judged on, when, by whom and why.
WITHDRAWN_ROWS = "withdrawn_rows"
# A tag of versions and runs: which training made them.
TRAINING_KEY = "training_key"
# Postgres keeps descriptions of at most 5,000 characters; SQLite would take more and hide the limit.
DESCRIPTION_LIMIT = 5000
_MOVE_OR_TAG = (
    "Move the alias to a version that the pipeline trained, or set the tag on the version's page; then clear the task."
)

T = TypeVar("T")


@dataclass(frozen=True)
class Version:
    """One registered version and the tags on it; asking for a tag that is absent or no such value is a RegistryError."""

    model_name: str
    number: str
    run_id: str
    tags: dict[str, str]
    created: datetime | None = None

    @property
    def trained_until(self) -> datetime:
        """End of the rows that it was trained on, exclusive."""
        return self._parsed("trained_until", _moment, "a time such as 2013-03-11T00:00:00+00:00")

    def tag(self, name: str) -> str:
        """A tag that the pipeline sets on every version that it registers or judges."""
        if name not in self.tags:
            raise RegistryError(
                f"{self.model_name} version {self.number} has no tag {name}, which the pipeline sets: a person registered it "
                f"by hand, or it was never judged. {_MOVE_OR_TAG}"
            )
        return self.tags[name]

    def number_in(self, name: str) -> float:
        """A tag that holds a number."""
        return self._parsed(name, _finite, "a number")

    def _parsed(self, name: str, parse: Callable[[str], T], accepted: str) -> T:
        text = self.tag(name)
        try:
            return parse(text)
        except ValueError as error:
            raise RegistryError(
                f"{self.model_name} version {self.number} has the tag {name}={text[:100]!r}; accepted is {accepted}. "
                f"{_MOVE_OR_TAG}"
            ) from error


@dataclass(frozen=True)
class Training:
    """What is recorded about one training: `key` names it, so that the same training is found and never done twice."""

    key: str
    params: dict[str, Any]
    metrics: dict[str, float]
    tags: dict[str, str]
    requirements: list[str]
    dataset_name: str
    dataset_digest: str
    files: dict[str, str] = field(default_factory=dict)
    artifact: str = "skops"


@dataclass(frozen=True)
class LoggedTrial:
    """One trial of a search, as people see it, counted from 1; `search` is the digest that names the search, `title` its name.

    `metrics` are in the metric's own unit. `best` says which trial is the best so far, and its parameters; it is worth
    `best_value`, None where none has finished.
    """

    search: str
    title: str
    number: int
    outcome: Literal["finished", "pruned", "failed"]
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    problem: str = ""
    best: Mapping[str, str] = field(default_factory=dict)
    best_value: float | None = None


@dataclass(frozen=True)
class Artifact:
    """The file of a version, the sha256 of these very bytes, the libraries that trained it (scikit-learn==1.9.1), its format.

    `own_code` are the team's modules that it runs, each with a digest of its source.
    """

    data: bytes
    digest: str
    requirements: tuple[str, ...]
    format: str = "skops"
    own_code: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Crossing:
    """A version between two environments: the pipeline as it was loaded here, its format, and what each answered."""

    pipeline: Any
    format: str
    before: "ArtifactTrial"
    here: "ArtifactTrial"


class Registry(Protocol):
    """The versions of all models. Every method may raise RegistryUnreachable or RegistryError.

    `MlflowRegistry` and the tests' `FakeRegistry` keep the same promises: tests/adapters/test_registry_contract.py.
    """

    # Versions and aliases

    def aliased(self, model_name: str, alias: str) -> Version | None:
        """The version that carries an alias, or None."""
        ...

    def champion(self, model_name: str) -> Version | None:
        """The version that answers in production, or None."""
        ...

    def version(self, model_name: str, number: str) -> Version:
        """A version by its number."""
        ...

    def exists(self, model_name: str, number: str) -> bool:
        """Whether there is such a version."""
        ...

    def all_versions(self, model_name: str) -> list[Version]:
        """All versions, oldest first."""
        ...

    def remove_version(self, model_name: str, number: str) -> None:
        """Delete a version and the files of its model, for good; its run stays with all that was kept beside it."""
        ...

    def overview(self, model_name: str) -> tuple[dict[str, str], dict[str, str]]:
        """All aliases with the versions that carry them, and the tags of the model itself; both empty for an unknown model."""
        ...

    def annotate_model(self, model_name: str, tags: dict[str, str]) -> None:
        """Set tags on the model itself."""
        ...

    def set_alias(self, model_name: str, alias: str, number: str) -> None:
        """Move an alias; setting it to where it is changes nothing."""
        ...

    def drop_alias(self, model_name: str, alias: str) -> None:
        """Remove an alias; removing what is not there changes nothing."""
        ...

    def annotate(self, model_name: str, number: str, tags: dict[str, str], description: str | None = None) -> None:
        """Set tags, and the description that the version's page renders as markdown."""
        ...

    def drop_tags(self, model_name: str, number: str, names: Iterable[str]) -> None:
        """Remove tags of a version; removing what is not there changes nothing."""
        ...

    def version_url(self, model_name: str, number: str) -> str:
        """The page of a version, for people."""
        ...

    def run_url(self, run_id: str) -> str:
        """The page of a run, for people."""
        ...

    # Training

    def find_trained(self, model_name: str, training_key: str) -> Version | None:
        """The version that this very training made before, or None."""
        ...

    def register(self, model: Model, pipeline: Any, example: "pd.DataFrame", training: Training) -> Version:
        """Log a fitted pipeline as a run and register it as a version; both carry the training's key.

        Safe to repeat after a crash: runs that an earlier try left open are closed as KILLED, and a version is registered
        last.
        """
        ...

    # Artifacts

    def artifact_digest(self, model_name: str, number: str) -> str:
        """Sha256 of the model file behind a version."""
        ...

    def artifact(self, model_name: str, number: str) -> Artifact:
        """The model file behind a version, to be handed on."""
        ...

    def load(self, model: Model, number: str, expected_digest: str | None = None) -> Any:
        """The fitted pipeline of a version, read from the very bytes that were digested.

        Nothing is unpickled in this process: the formats that the model's candidates declare create only safe types and those
        that the model lists in this repository. What the artifact says about itself is not believed.

        Raises:
            UntrustedModel: the artifact holds other types, or is in a format that no candidate declares.
            OtherLibraries: it was made by other releases of its libraries than are here.
            ArtifactChanged: the bytes are not those of `expected_digest`.
        """
        ...

    def try_out(self, model: Model, number: str, rows: "pd.DataFrame") -> "ArtifactTrial":
        """Let a fresh process load the artifact of a version and answer some rows.

        Raises:
            TrialFailed: it could not.
            OtherLibraries: it was made by other releases of its libraries than are here.
        """
        ...

    def across(self, model: Model, number: str, rows: "pd.DataFrame", old_python: str) -> Crossing:
        """Load a version whatever its libraries, and have it answer some rows in fresh processes: by `old_python`, and here.

        Raises:
            TrialFailed: one of them could not.
        """
        ...

    def example(self, model_name: str, number: str) -> "pd.DataFrame":
        """The rows that were kept beside the artifact of a version, to try it with."""
        ...

    def log_picture(self, run_id: str, path: str, png: bytes) -> str:
        """Keep a picture beside a run and return the address of its bytes, for use in markdown."""
        ...

    def read_picture(self, run_id: str, path: str) -> bytes:
        """The bytes that `log_picture` kept."""
        ...

    def log_report(self, run_id: str, path: str, text: str) -> str:
        """Keep a text artifact beside a run and return the address of its page; a second time overwrites it."""
        ...

    def read_report(self, run_id: str, path: str) -> str:
        """The text that `log_report` kept."""
        ...

    def log_replay(self, model_name: str, digest: str, files: dict[str, str], tags: dict[str, str]) -> str:
        """Keep the pages of a replay in a run of the model's experiment; the address of the first one's page.

        `digest` names the replay: a second time writes into the same run.
        """
        ...

    def log_trial(self, model_name: str, trial: LoggedTrial) -> None:
        """Keep a trial as a run of its own, nested in that of its search.

        A second time changes nothing, and completes what a killed process began. Searches may be logged at the same time; the
        same one from two processes may get a run twice.
        """
        ...


def card_path(evidence: str) -> str:
    """Where the decision card of one verdict is kept, beside the run of the version; `decision_card.md` is the newest one."""
    return f"cards/{evidence[:SHORT]}.md"


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
