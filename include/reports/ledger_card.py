"""The ledger of one model as a page of markdown: what was in production when, and why. Light: the api-server loads it."""

from collections.abc import Sequence
from datetime import datetime

from include.ledger.entries import Entry, Term, term_at, terms, without_intents
from include.untrusted_text import plain

_NEWEST = 200
_LONGEST = 2000


def ledger_card(model_name: str, entries: Sequence[Entry], asked: datetime | None = None) -> str:
    """One page; `entries` are proved and oldest first, `asked` is the moment that somebody wants to know about."""
    lines = [f"## Ledger of {plain(model_name)}", ""]
    if not entries:
        return "\n".join([*lines, "Nothing has happened yet: no version was judged, and none is in production."])
    if asked:
        lines += [answer(model_name, entries, asked), ""]
    lines += [
        *_now(entries[-1]),
        "",
        "### In production",
        "",
        *_terms(entries),
        "",
        "### What happened",
        "",
        *_events(entries),
    ]
    said = f"{len(entries):,} entries, each chained to the one before; the chain is whole. Head: `{entries[-1].digest[:16]}`."
    return "\n".join([*lines, "", said])


def answer(model_name: str, entries: Sequence[Entry], asked: datetime) -> str:
    """What was in production at a moment, in one sentence."""
    term = term_at(entries, asked)
    at = _time(asked)
    if term is None:
        return f"**At {at} nothing was in production**: the ledger of {plain(model_name)} begins on {_time(entries[0].at)}."
    until = f"until {_time(term.end)}" if term.end else "and still is"
    who = f"version {plain(term.version)} was in production" if term.version else "nobody was champion"
    return f"**At {at} {who}**: since {_time(term.start)}, {until}. {_how(term)}"


def _how(term: Term) -> str:
    entry = term.entry
    return f"{_word(entry)} by {plain(entry.by)}: {plain(entry.reason)}"


def _now(newest: Entry) -> list[str]:
    state = newest.after
    lines = [f"**Champion: version {plain(state.champion)}.**" if state.champion else "**Nobody is champion.**"]
    if state.previous:
        lines += [f"A rollback goes to version {plain(state.previous)}."]
    if state.rolled_back:
        lines += [f"Rolled back from, and not promoted again: {', '.join(plain(version) for version in state.rolled_back)}."]
    if state.on_probation:
        lines += [
            f"On probation since {_time(state.on_probation.since)}, against version {plain(state.on_probation.against)}."
        ]
    if state.moving:
        lines += [f"A run began to make version {plain(state.moving.new)} champion; the next one finishes or undoes it."]
    return lines


def _terms(entries: Sequence[Entry]) -> list[str]:
    rows = [
        f"| {plain(term.version or 'nobody')} | {_time(term.start)} | {_time(term.end) if term.end else 'now'} | "
        f"{_word(term.entry)} | {plain(term.entry.by)} | {plain(term.entry.reason)} |"
        for term in reversed(terms(entries))
    ]
    head = ["| version | from | to | how | who | why |", "| --- | --- | --- | --- | --- | --- |"]
    return [*head, *rows] if rows else ["Nothing was in production yet."]


def _events(entries: Sequence[Entry]) -> list[str]:
    told = without_intents(entries)
    head = ["|  | when | as of | what | version | who | why |", "| ---: | --- | --- | --- | --- | --- | --- |"]
    rows = [
        f"| {entry.sequence} | {_time(entry.at)} | {_time(entry.as_of)} | {_word(entry)} | {plain(entry.version or '')} | "
        f"{plain(entry.by)} | {_why(entry)} |"
        for entry in reversed(told[-_NEWEST:])
    ]
    older = ["", f"{len(told) - _NEWEST:,} older ones are not shown here."] if len(told) > _NEWEST else []
    return [*head, *rows, *older]


def _why(entry: Entry) -> str:
    card = str(entry.evidence.get("card") or "")
    is_address = card.startswith(("http://", "https://")) and len(card) < _LONGEST and not set("<>| \\\n\u202e") & set(card)
    return plain(entry.reason) + (f" [card](<{card}>)" if is_address else "")


def _word(entry: Entry) -> str:
    return plain(entry.event.replace("_", " "))


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
