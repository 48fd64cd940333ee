"""What runs leave behind about a model: the documents that later runs, pages and metrics read."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from include.errors import ProvingGroundError
from include.ledger.entries import Entry
from include.noise.profile import NoiseProfile
from include.results import Checked, Drift, Finding, Promotion, Quality, Scored, Verdict
from include.untrusted_text import one_line

T = TypeVar("T")


class Status(BaseModel):
    """What one run found and did, as of a time."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    stage: ClassVar[str]
    way_out: ClassVar[str] = (
        "Restore it from a backup; no run makes it again. Without one remove it: what that run found is forgotten then, and a "
        "period that it called broken counts as sound (docs/runbook.md)."
    )

    as_of: datetime
    run_id: str


class MonitorStatus(Status):
    """What a check found."""

    stage: ClassVar[str] = "monitor"

    checked: Checked
    scored: Scored
    drift: Drift
    quality: Quality
    finding: Finding


class RetrainStatus(Status):
    """What a retraining decided; `version_url` is the page of the version, None where nothing was trained."""

    stage: ClassVar[str] = "retrain"

    started: datetime | None = None
    trigger: str
    verdict: Verdict
    promotion: Promotion
    version_url: str | None = None

    @property
    def refitted_as(self) -> str | None:
        """The version that serves instead of the promoted one: the same recipe, fitted on the newest rows too."""
        serves = self.promotion.champion_version
        return serves if self.promotion.promoted and serves != self.verdict.version else None


@dataclass(frozen=True)
class PeriodProfile:
    """The noise profile of one period, and the signs that its feed was broken.

    `accepted_by` is the person who called its number of rows normal; `counts_again` is whether it was called broken for this
    number alone, and a later check found that the feed has stayed there.
    """

    way_out: ClassVar[str] = (
        "Run the model's monitor again as of the end of that period, which writes it anew, or restore it from a backup "
        "(docs/runbook.md)."
    )

    period: datetime
    profile: NoiseProfile
    broken: tuple[str, ...] = ()
    accepted_by: str = ""
    counts_again: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of one check: of which period, triage's action, and the periods that count again since."""

    as_of: datetime
    period: datetime | None
    action: str
    sound_again: tuple[datetime, ...] = ()

    @classmethod
    def of(cls, status: MonitorStatus) -> "Outcome":
        """The part of a status that says whether its period may be learned from."""
        return cls(status.as_of, status.drift.period, status.finding.action, status.drift.sound_again)


class FailedTask(BaseModel):
    """Why the newest failed run of a stage stopped: in which task, by which error, and what that says.

    Of an error that is not this project's own the words are left out: they may quote rows, and are in the task's log.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    task: str
    error: str
    reason: str

    @classmethod
    def of(cls, run_id: str, task: str, error: BaseException | None) -> "FailedTask":
        """Of what a task raised; None where its process died."""
        if error is None:
            return cls(run_id=run_id, task=task, error="", reason="the worker process died; nothing more is known")
        name = type(error).__name__
        if isinstance(error, ProvingGroundError):
            return cls(run_id=run_id, task=task, error=name, reason=one_line(error, 1000) or name)
        return cls(
            run_id=run_id, task=task, error=name, reason=f"{name}; its message may quote rows, so it is only in the log"
        )


@dataclass(frozen=True)
class Posted(Generic[T]):
    """A document, and when the store received it."""

    at: datetime
    document: T


@dataclass(frozen=True)
class Latest:
    """The newest documents of one model; `unreadable` names the kinds whose document could not be read, `faults` says why."""

    monitor: Posted[MonitorStatus] | None = None
    retrain: Posted[RetrainStatus] | None = None
    profile: Posted[PeriodProfile] | None = None
    ledger: Posted[Entry] | None = None
    failed_monitor: Posted[FailedTask] | None = None
    failed_retrain: Posted[FailedTask] | None = None
    unreadable: tuple[str, ...] = field(default=())
    faults: tuple[str, ...] = field(default=())


LatestKind = Literal["monitor", "retrain", "profile", "ledger", "failed_monitor", "failed_retrain"]
LATEST_KINDS: dict[str, type] = {
    "monitor": MonitorStatus,
    "retrain": RetrainStatus,
    "profile": PeriodProfile,
    "ledger": Entry,
    "failed_monitor": FailedTask,
    "failed_retrain": FailedTask,
}
# By stage; a rollback or a replay is watched by the person who starts it.
FAILURES: dict[str, LatestKind] = {"monitor": "failed_monitor", "retrain": "failed_retrain"}
