"""The ledger of one model as a page of markdown: what was in production when, and why. Light: the api-server loads it."""

from collections.abc import Sequence

from include.ledger.entries import Entry, terms, without_intents
from include.reports.pages import render
from include.untrusted_text import plain

_NEWEST = 200
_LONGEST = 2000


def ledger_card(model_name: str, entries: Sequence[Entry]) -> str:
    """One page; `entries` are verified and oldest first."""
    events = without_intents(entries)
    return render(
        "ledger_card.md",
        model_name=model_name,
        entries=entries,
        state=entries[-1].after if entries else None,
        terms=list(reversed(terms(entries))),
        events=list(reversed(events[-_NEWEST:])),
        older=max(len(events) - _NEWEST, 0),
        event=event,
        card_link=card_link,
    )


def event(entry: Entry) -> str:
    """The name of what happened."""
    return plain(entry.event.replace("_", " "))


def card_link(entry: Entry) -> str:
    """A link to the decision card; empty where the address is none, or could end the link."""
    card = str(entry.evidence.get("card") or "")
    is_address = card.startswith(("http://", "https://")) and len(card) < _LONGEST and not set("<>| \\\n\u202e") & set(card)
    return f" [card](<{card}>)" if is_address else ""
