"""The ledger of one model as plain text for a terminal, readable at 80 columns: what was in production when, and why."""

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime

from include.ledger.entries import Entry, term_at, terms, without_intents
from include.reports.pages import time
from include.untrusted_text import one_line

_NEWEST = 200
_LONGEST = 300
_INDENT = "     "


def ledger_text(model_name: str, entries: Sequence[Entry], queried: datetime | None = None, width: int = 80) -> str:
    """All of it; `entries` are verified and oldest first, `queried` is a moment about which a person asked."""
    if not entries:
        return f"Ledger of {model_name}: nothing has happened yet. No version was judged, and none is in production."
    events = without_intents(entries)
    hidden = len(entries) - len(events)
    older = max(len(events) - _NEWEST, 0)
    lines = [
        *_head(model_name, entries, queried),
        "",
        "In production, newest first",
        *(line for term in reversed(terms(entries)) for line in _term(term.entry, term.end)),
        "",
        "What happened, newest first; times are UTC",
        *(line for entry in reversed(events[-_NEWEST:]) for line in _event(entry)),
        *([f"{older:,} older ones are not shown here."] if older else []),
        "",
        f"{len(entries):,} entries, each chained to the one before; the chain is whole.",
        *([f"Of these {hidden:,} say that a change of champion begins, and are not listed."] if hidden else []),
        f"Head: {entries[-1].digest[:16]}",
    ]
    return "\n".join(folded for line in lines for folded in _folded(line, width))


def _head(model_name: str, entries: Sequence[Entry], queried: datetime | None) -> Iterator[str]:
    state = entries[-1].after
    yield f"Ledger of {model_name}"
    yield ""
    if queried:
        yield _answer(entries, queried)
        yield ""
    yield f"Champion: version {state.champion}." if state.champion else "There is no champion."
    if state.previous:
        yield f"A rollback goes to version {state.previous}."
    if state.rolled_back:
        yield f"Blocked after a rollback: {', '.join(state.rolled_back)}."
    if state.on_probation:
        yield f"On probation since {time(state.on_probation.since)} UTC, against version {state.on_probation.against}."
    if state.moving:
        yield f"A run began to make version {state.moving.new} champion; the next one finishes or undoes it."


def _answer(entries: Sequence[Entry], queried: datetime) -> str:
    term, at = term_at(entries, queried), f"{time(queried)} UTC"
    if term is None:
        return f"At {at} nothing was in production: the ledger begins on {time(entries[0].at)} UTC."
    until = f"until {time(term.end)} UTC" if term.end else "and still is"
    champion = f"version {term.version} was in production" if term.version else "there was no champion"
    return f"At {at} {champion}: since {time(term.start)} UTC, {until}. {_who_and_why(term.entry, _name(term.entry))}"


def _term(entry: Entry, end: datetime | None) -> Iterator[str]:
    version = f"version {entry.champion}" if entry.champion else "none"
    yield f"  {version}: {time(entry.at)} to {time(end) if end else 'now'}"
    yield f"{_INDENT}{_who_and_why(entry, _name(entry))}"


def _event(entry: Entry) -> Iterator[str]:
    about = f", version {entry.version}" if entry.version else ""
    yield f"{entry.sequence:>4} {time(entry.at)}  {_name(entry)}{about}  (as of {time(entry.as_of)})"
    yield f"{_INDENT}{_who_and_why(entry, '')}"


def _who_and_why(entry: Entry, what: str) -> str:
    by = one_line(entry.by, _LONGEST)
    return f"{what} by {by}: {one_line(entry.reason, _LONGEST)}" if what else f"{by}: {one_line(entry.reason, _LONGEST)}"


def _name(entry: Entry) -> str:
    return one_line(entry.event.replace("_", " "), _LONGEST)


def _folded(line: str, width: int) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(line.lstrip(), width, initial_indent=indent, subsequent_indent=indent) or [""]
