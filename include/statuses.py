"""What runs leave behind about a model: the documents that later runs, pages and metrics read."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from include.ledger.entries import Entry
from include.noise.profile import NoiseProfile
from include.results import Checked, Drift, Finding, Promotion, Quality, Scored, Verdict

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
    unreadable: tuple[str, ...] = field(default=())
    faults: tuple[str, ...] = field(default=())


LatestKind = Literal["monitor", "retrain", "profile", "ledger"]
LATEST_KINDS: dict[str, type] = {
    "monitor": MonitorStatus,
    "retrain": RetrainStatus,
    "profile": PeriodProfile,
    "ledger": Entry,
}
