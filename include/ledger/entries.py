"""What the ledger says: who was champion when, who decided it, and what follows from it. Pure; kept by `adapters/ledger.py`.

Each entry holds the digest of the one before it and the state after it, so that the newest one is enough to go on, and all of
them are enough to prove that none was changed, left out or put in between.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any, Literal, get_args

# What moves the alias is written twice: as an intent before, and as done (or abandoned) after.
Event = Literal[
    "found",
    "approved",
    "rejected",
    "refused",
    "promoting",
    "promoted",
    "rolling_back",
    "rolled_back",
    "abandoned",
    "set_back",
    "changed_by_hand",
    "looked",
    "rollback_proposed",
    "probation_ended",
    "pruned",
]
EVENTS: tuple[str, ...] = get_args(Event)
# Each intent with its outcome.
OUTCOME: dict[str, Event] = {"promoting": "promoted", "rolling_back": "rolled_back"}
TAKES_OFFICE = ("found", "promoted", "rolled_back", "changed_by_hand")
# Said again about the same thing by a second run, these are found and not repeated.
SAID_ONCE = ("approved", "rejected", "refused", "looked", "rollback_proposed", "probation_ended")


@dataclass(frozen=True)
class Move:
    """An intent whose outcome is not written yet: `event` promoting or rolling_back, from one version to another."""

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

    `lineage` is whom each champion replaced, oldest first; `were_champion` all that ever were, in order; `rolled_back` those
    that may not come back without an override; `moving` an intent without an outcome; `written_off` the version of the newest
    intent that was given up, because its write to the registry may still come.
    """

    champion: str | None = None
    lineage: tuple[str, ...] = ()
    were_champion: tuple[str, ...] = ()
    rolled_back: tuple[str, ...] = ()
    moving: Move | None = None
    on_probation: OnProbation | None = None
    written_off: str | None = None

    @property
    def previous(self) -> str | None:
        """Where a rollback goes unless told otherwise: the newest of the lineage that was not rolled back from."""
        return next((old for old in reversed(self.lineage) if old not in {*self.rolled_back, self.champion}), None)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "State":
        """What `asdict` of a state became on its way through JSON."""
        moving, probation = document.get("moving"), document.get("on_probation")
        return cls(
            champion=document["champion"],
            lineage=tuple(document["lineage"]),
            were_champion=tuple(document["were_champion"]),
            rolled_back=tuple(document["rolled_back"]),
            moving=Move(**moving) if moving else None,
            on_probation=OnProbation(**(probation | {"since": datetime.fromisoformat(probation["since"])}))
            if probation
            else None,
            written_off=document["written_off"],
        )


@dataclass(frozen=True)
class Entry:
    """One thing that happened.

    `at` is when it was written, `as_of` the time that the run was about; `version` is whom it is about, `before` and
    `champion` who was champion before and after; `key` names what it is about, so that saying it twice is noticed;
    `evidence` names what it rests on: digests, addresses, figures.
    """

    sequence: int
    chained_to: str
    event: str
    key: str
    model: str
    at: datetime
    as_of: datetime
    by: str
    reason: str
    run_id: str
    version: str | None
    before: str | None
    champion: str | None
    evidence: dict[str, Any] = field(default_factory=dict)
    after: State = field(default_factory=State)

    def to_bytes(self) -> bytes:
        """As it is kept: the same entry always gives the same bytes."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, default=_as_text).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Entry":
        """What `to_bytes` made.

        Raises:
            ValueError: these are no entry's bytes.
        """
        try:
            document = json.loads(data)
            known = {name.name for name in fields(cls)}
            if not isinstance(document, dict) or set(document) != known:
                raise ValueError("not the fields of an entry")
            if wrong := [name for name, kind in _KINDS.items() if not isinstance(document[name], kind)]:
                raise ValueError(f"{', '.join(wrong)}: not what an entry holds")
            times = {name: datetime.fromisoformat(document[name]) for name in ("at", "as_of")}
            if not all(time.tzinfo for time in times.values()):
                raise ValueError("a time without a zone")
            return cls(**(document | times | {"after": State.from_json(document["after"])}))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error

    @property
    def digest(self) -> str:
        """What the next entry is chained to: 64 hex digits."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


_KINDS: dict[str, Any] = (
    {"sequence": int, "evidence": dict, "after": dict}
    | dict.fromkeys(("chained_to", "event", "key", "model", "by", "reason", "run_id"), str)
    | dict.fromkeys(("version", "before", "champion"), str | None)
)


@dataclass(frozen=True)
class Fact:
    """What a step wants to be written; the ledger adds the sequence, the time, the chain and the state.

    `new` is the version that becomes, or is to become, champion: None leaves the champion where it is, and for
    `changed_by_hand` says that there is none any more.
    """

    event: Event
    key: str
    as_of: datetime
    by: str
    reason: str
    run_id: str
    version: str | None
    new: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


def following(newest: Entry | None, model: str, fact: Fact, at: datetime) -> Entry:
    """The entry that says this fact after the newest one."""
    state = newest.after if newest else State()
    after = applied(state, fact)
    return Entry(
        sequence=newest.sequence + 1 if newest else 1,
        chained_to=newest.digest if newest else "",
        event=fact.event,
        key=fact.key,
        model=model,
        # Clocks of two machines may disagree; the order of the entries does not.
        at=max(at, newest.at) if newest else at,
        as_of=fact.as_of,
        by=fact.by,
        reason=fact.reason,
        run_id=fact.run_id,
        version=fact.version,
        before=state.champion,
        champion=after.champion,
        evidence=fact.evidence,
        after=after,
    )


def applied(state: State, fact: Fact) -> State:
    """The state after a fact."""
    if fact.event in OUTCOME and fact.new:
        return replace(state, moving=Move(fact.event, state.champion, fact.new, fact.key))
    if fact.event == "abandoned":
        return replace(state, moving=None, written_off=state.moving.new if state.moving else None)
    if fact.event in TAKES_OFFICE:
        return _in_office(state, fact)
    if state.on_probation and state.on_probation.version == fact.version:
        return _tried(state, state.on_probation, fact)
    return state


def _tried(state: State, tried: OnProbation, fact: Fact) -> State:
    if fact.event == "looked":
        return replace(state, on_probation=replace(tried, looks=tried.looks + 1))
    if fact.event == "probation_ended":
        return replace(state, on_probation=None)
    return state


def _in_office(state: State, fact: Fact) -> State:
    old, new = state.champion, fact.new
    if new == old:
        return replace(state, moving=None)
    were = tuple(dict.fromkeys([*state.were_champion, *filter(None, [old, new])]))
    # Where we have been before we go back to; anything else replaces whom it found.
    back = fact.event != "promoted" and new in state.lineage
    lineage = state.lineage[: state.lineage.index(str(new))] if back else (*state.lineage, *([old] if old else []))
    marked = {*state.rolled_back, *([old] if fact.event == "rolled_back" and old else [])} - {new}
    tried = OnProbation(str(new), old, fact.as_of) if fact.event == "promoted" and old and new else None
    return State(
        champion=new,
        lineage=lineage,
        were_champion=were,
        rolled_back=tuple(sorted(marked, key=_number)),
        on_probation=tried,
        written_off=None if state.written_off == new else state.written_off,
    )


def faults(entries: Sequence[Entry], stored: Sequence[bytes]) -> list[str]:
    """What is wrong with a chain, in words; empty when it is whole. `stored` are the bytes as they are kept."""
    wrong: list[str] = []
    newest: Entry | None = None
    for position, (entry, data) in enumerate(zip(entries, stored, strict=True), start=1):
        if entry.sequence != position:
            return [*wrong, f"entry {position} is missing: the next one that is there is {entry.sequence}"]
        if entry.to_bytes() != data:
            wrong.append(f"entry {position} is not as it was written")
        if entry.chained_to != (newest.digest if newest else ""):
            wrong.append(f"entry {position} does not follow entry {position - 1}: one of them was changed")
        elif following(newest, entry.model, fact_in(entry), entry.at) != entry:
            wrong.append(f"entry {position} says another state than what happened leads to")
        newest = entry
    return wrong


def fact_in(entry: Entry) -> Fact:
    """What an entry says, without what the ledger added to it."""
    moving = entry.after.moving
    its_own = moving is not None and (moving.event, moving.key) == (entry.event, entry.key)
    new = moving.new if moving and its_own else entry.champion if entry.event in TAKES_OFFICE else None
    return Fact(
        event=entry.event,  # type: ignore[arg-type]  # an unknown word changes no state, and a changed entry breaks the chain
        key=entry.key,
        as_of=entry.as_of,
        by=entry.by,
        reason=entry.reason,
        run_id=entry.run_id,
        version=entry.version,
        new=new,
        evidence=entry.evidence,
    )


@dataclass(frozen=True)
class Term:
    """A version's time in production: `[start, end)`, None while it lasts; how it came in, and who decided it."""

    version: str | None
    start: datetime
    end: datetime | None
    entry: Entry


def terms(entries: Iterable[Entry]) -> list[Term]:
    """Who was champion from when to when, oldest first."""
    changes = [entry for entry in entries if entry.event in TAKES_OFFICE and entry.champion != entry.before]
    return [
        Term(entry.champion, entry.at, next_one.at if next_one else None, entry)
        for entry, next_one in zip_longest(changes, changes[1:])
    ]


def worth_telling(entries: Sequence[Entry]) -> list[Entry]:
    """Entries without the intents: their outcome, which follows, says all. One that is the newest has none yet, and stays."""
    newest = max(entries, key=lambda entry: entry.sequence, default=None)
    return [entry for entry in entries if entry.event not in OUTCOME or entry is newest]


def term_at(entries: Iterable[Entry], moment: datetime) -> Term | None:
    """What was in production at a time; None before the first."""
    return next((term for term in reversed(terms(entries)) if term.start <= moment), None)


def _number(version: str) -> tuple[int, str]:
    return (int(version), "") if version.isdecimal() else (0, version)


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{type(value).__name__} cannot be written into the ledger")
