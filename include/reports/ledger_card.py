"""The ledger of one model as a page of markdown: what was in production when, and why. Light: the api-server loads it."""

from collections.abc import Sequence
from datetime import datetime

from include.ledger.entries import Entry, term_at, terms, without_intents
from include.reports.pages import render, time
from include.untrusted_text import plain

_NEWEST = 200
_LONGEST = 2000


def ledger_card(model_name: str, entries: Sequence[Entry], queried: datetime | None = None) -> str:
    """One page; `entries` are verified and oldest first, `queried` is a moment about which a person asked."""
    events = without_intents(entries)
    return render(
        "ledger_card.md",
        model_name=model_name,
        entries=entries,
        state=entries[-1].after if entries else None,
        answer=answer(model_name, entries, queried) if entries and queried else "",
        terms=list(reversed(terms(entries))),
        events=list(reversed(events[-_NEWEST:])),
        older=max(len(events) - _NEWEST, 0),
        event=event,
        card_link=card_link,
    )


def answer(model_name: str, entries: Sequence[Entry], queried: datetime) -> str:
    """What was in production at a moment, in one sentence."""
    term = term_at(entries, queried)
    at = f"{time(queried)} UTC"
    if term is None:
        begins = time(entries[0].at)
        return f"**At {at} nothing was in production**: the ledger of {plain(model_name)} begins on {begins} UTC."
    until = f"until {time(term.end)} UTC" if term.end else "and still is"
    champion = f"version {plain(term.version)} was in production" if term.version else "there was no champion"
    how = f"{event(term.entry)} by {plain(term.entry.by)}: {plain(term.entry.reason)}"
    return f"**At {at} {champion}**: since {time(term.start)} UTC, {until}. {how}"


def event(entry: Entry) -> str:
    """The name of what happened."""
    return plain(entry.event.replace("_", " "))


def card_link(entry: Entry) -> str:
    """A link to the decision card; empty where the address is none, or could end the link."""
    card = str(entry.evidence.get("card") or "")
    is_address = card.startswith(("http://", "https://")) and len(card) < _LONGEST and not set("<>| \\\n\u202e") & set(card)
    return f" [card](<{card}>)" if is_address else ""
