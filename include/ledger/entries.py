"""The entries of the ledger: who was champion when, and who decided it. Pure; kept by `adapters/ledger.py`.

Each entry holds the digest of the one before it and the state after it, so that the newest one is enough to go on, and all of
them are enough to prove that none was changed, left out or put in between.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from typing import Any, ClassVar

from pydantic import AwareDatetime

from include.documents import sealed, to_bytes
from include.ledger.state import OUTCOME, TAKES_OFFICE, Fact, State, applied


@dataclass(frozen=True)
class Entry:
    """One thing that happened.

    `at` is when it was written, `as_of` the time that the run was about; `version` is what it is about, `before` and
    `champion` are the champion before and after; `key` names the subject, so that a repetition is noticed;
    `evidence` names what it rests on: digests, addresses, numbers.
    """

    document_version: ClassVar[int] = 2
    hashed: ClassVar[bool] = True
    way_out: ClassVar[str] = (
        "Restore it from the bucket's versions or a backup, and see who may write there. Until then no champion changes."
    )

    sequence: int
    chained_to: str
    event: str
    key: str
    model: str
    at: AwareDatetime
    as_of: AwareDatetime
    by: str
    reason: str
    run_id: str
    version: str | None
    before: str | None
    champion: str | None
    evidence: dict[str, Any] = field(default_factory=dict)
    after: State = field(default_factory=State)

    @property
    def digest(self) -> str:
        """What the next entry is chained to: 64 hex digits."""
        return hashlib.sha256(to_bytes(self)).hexdigest()


def following(newest: Entry | None, model: str, fact: Fact, at: datetime) -> Entry:
    """The entry that says this fact after the newest one."""
    state = newest.after if newest else State()
    # Clocks of two machines may disagree; the order of the entries does not.
    written_at = max(at, newest.at) if newest else at
    after = applied(state, fact, written_at)
    return Entry(
        sequence=newest.sequence + 1 if newest else 1,
        chained_to=newest.digest if newest else "",
        event=fact.event,
        key=fact.key,
        model=model,
        at=written_at,
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


def faults(entries: Sequence[Entry], stored: Sequence[bytes]) -> list[str]:
    """What is wrong with a chain, in words; empty when it is whole. `stored` are the bytes as they are kept."""
    wrong: list[str] = []
    newest: Entry | None = None
    for position, (entry, data) in enumerate(zip(entries, stored, strict=True), start=1):
        if entry.sequence != position:
            return [*wrong, f"entry {position} is missing: the next one that is there is {entry.sequence}"]
        # Those of earlier releases carry no digest of their own: the next one has it.
        if data not in (sealed(entry), to_bytes(entry)):
            wrong.append(f"entry {position} is not as it was written")
        if entry.chained_to != (newest.digest if newest else ""):
            wrong.append(f"entry {position} does not follow entry {position - 1}: one of them was changed")
        elif following(newest, entry.model, fact_in(entry), entry.at) != entry:
            wrong.append(f"entry {position} holds another state than what happened leads to")
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


def taken_back(entries: Iterable[Entry], version: str | None) -> list[Entry]:
    """The withdrawals and erasures of rows that a version was trained or judged on."""
    about = [entry for entry in entries if entry.event in ("withdrawn", "erased")]
    kinds = ("trained", "judged", "versions")
    return [entry for entry in about if any(version in entry.evidence.get(kind, ()) for kind in kinds)]


def without_intents(entries: Sequence[Entry]) -> list[Entry]:
    """Entries without the intents, whose outcomes hold everything; an intent that is the newest has none yet, and stays."""
    newest = max(entries, key=lambda entry: entry.sequence, default=None)
    return [entry for entry in entries if entry.event not in OUTCOME or entry is newest]


def term_at(entries: Iterable[Entry], moment: datetime) -> Term | None:
    """What was in production at a time; None before the first."""
    return next((term for term in reversed(terms(entries)) if term.start <= moment), None)
