"""What the entries of a ledger add up to: who is champion, what came before, what is on the way. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, get_args

# What moves the alias is written twice: as an intent before, and as done (or abandoned) after.
EventName = Literal[
    "found",
    "compared",
    "approved",
    "rejected",
    "refused",
    "promoting",
    "promoted",
    "rolling_back",
    "rolled_back",
    "restoring",
    "restored",
    "abandoned",
    "set_back",
    "changed_by_hand",
    "tags_restored",
    "looked",
    "rollback_proposed",
    "probation_ended",
    "pruned",
    "withdrawn",
    "erased",
    "postponed",
    "frozen",
    "unfrozen",
]
EVENTS: tuple[str, ...] = get_args(EventName)
# Each intent with its outcome.
OUTCOME: dict[str, EventName] = {"promoting": "promoted", "rolling_back": "rolled_back", "restoring": "restored"}
TAKES_OFFICE = ("found", "promoted", "rolled_back", "restored", "changed_by_hand")
# Idempotent events: appended once per key.
ONCE_PER_KEY = (
    "compared",
    "approved",
    "rejected",
    "refused",
    "tags_restored",
    "looked",
    "rollback_proposed",
    "probation_ended",
    "withdrawn",
    "postponed",
    "frozen",
    "unfrozen",
)
# Entries that hold the gate's verdict. An intent holds it too, and may be written twice.
_JUDGED = ("promoted", "refused")


@dataclass(frozen=True)
class Move:
    """An intent without its outcome: `event` promoting, rolling_back or restoring, from one version to another."""

    event: str
    old: str | None
    new: str
    key: str


@dataclass(frozen=True)
class OnProbation:
    """A new champion that is still being compared with the one it replaced: since when, as of, and the looks taken."""

    version: str
    against: str
    since: datetime
    looks: int = 0


@dataclass(frozen=True)
class State:
    """What the entries so far add up to.

    `lineage` is what each champion replaced, oldest first; `were_champion` all that ever were, in order; `rolled_back` those
    that may not come back without an override; `moving` an intent without an outcome; `written_off` the version of the newest
    intent that was given up, because its write to the registry may still come. `events` counts the entries by their event,
    `verdicts` the gate's verdicts. `champion_since` and `moving_since` are when the present champion took office and when the
    intent without an outcome was written; None where there is none.
    """

    champion: str | None = None
    lineage: tuple[str, ...] = ()
    were_champion: tuple[str, ...] = ()
    rolled_back: tuple[str, ...] = ()
    moving: Move | None = None
    on_probation: OnProbation | None = None
    written_off: str | None = None
    events: Mapping[str, int] = field(default_factory=dict, hash=False)
    verdicts: Mapping[str, int] = field(default_factory=dict, hash=False)
    champion_since: datetime | None = None
    moving_since: datetime | None = None

    @property
    def removed(self) -> str | None:
        """The champion whose alias a person took away; None where there is a champion, or never was one."""
        return self.lineage[-1] if self.champion is None and self.lineage else None

    @property
    def previous(self) -> str | None:
        """Where a rollback goes by default: the newest of the lineage that was not rolled back from."""
        return next((old for old in reversed(self.lineage) if old not in {*self.rolled_back, self.champion}), None)


@dataclass(frozen=True)
class Fact:
    """What a step wants to write; the ledger adds the sequence, the time, the chain and the state.

    `new` is the version that becomes, or is to become, champion: None leaves the champion where it is, and for
    `changed_by_hand` says that there is none any more.
    """

    event: EventName
    key: str
    as_of: datetime
    by: str
    reason: str
    run_id: str
    version: str | None
    new: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


def applied(state: State, fact: Fact, at: datetime) -> State:
    """The state after a fact that is written at a time."""
    after = _moved(state, fact)
    verdict = str(fact.evidence.get("verdict", "")) if fact.event in _JUDGED else ""
    champion_since = state.champion_since if after.champion == state.champion else at
    return replace(
        after,
        events=_counted(state.events, fact.event),
        verdicts=_counted(state.verdicts, verdict) if verdict else state.verdicts,
        champion_since=champion_since if after.champion else None,
        moving_since=(state.moving_since or at) if after.moving else None,
    )


def _counted(counts: Mapping[str, int], name: str) -> dict[str, int]:
    return dict(counts) | {name: counts.get(name, 0) + 1}


def _moved(state: State, fact: Fact) -> State:
    if fact.event in OUTCOME and fact.new:
        return replace(state, moving=Move(fact.event, state.champion, fact.new, fact.key))
    if fact.event == "abandoned":
        return replace(state, moving=None, written_off=state.moving.new if state.moving else None)
    if fact.event in TAKES_OFFICE:
        return _in_office(state, fact)
    if state.on_probation and state.on_probation.version == fact.version:
        return _probation(state, state.on_probation, fact)
    return state


def _probation(state: State, probation: OnProbation, fact: Fact) -> State:
    if fact.event == "looked":
        return replace(state, on_probation=replace(probation, looks=probation.looks + 1))
    if fact.event == "probation_ended":
        return replace(state, on_probation=None)
    return state


def _in_office(state: State, fact: Fact) -> State:
    old, new = state.champion, fact.new
    if new == old:
        return replace(state, moving=None)
    were = tuple(dict.fromkeys([*state.were_champion, *filter(None, [old, new])]))
    # A version of the lineage is gone back to; any other replaces the champion that it meets.
    back = fact.event != "promoted" and new in state.lineage
    lineage = state.lineage[: state.lineage.index(str(new))] if back else (*state.lineage, *([old] if old else []))
    marked = {*state.rolled_back, *([old] if fact.event == "rolled_back" and old else [])} - {new}
    on_probation = OnProbation(str(new), old, fact.as_of) if fact.event == "promoted" and old and new else None
    return replace(
        state,
        champion=new,
        lineage=lineage,
        were_champion=were,
        rolled_back=tuple(sorted(marked, key=_number)),
        moving=None,
        on_probation=on_probation,
        written_off=None if state.written_off == new else state.written_off,
    )


def _number(version: str) -> tuple[int, str]:
    return (int(version), "") if version.isdecimal() else (0, version)
