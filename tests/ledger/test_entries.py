"""The ledger's words: each entry follows from the one before it, and what they add up to can be asked for any moment."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.documents import from_bytes, to_bytes
from include.errors import CorruptObject
from include.ledger.entries import Entry, faults, following, term_at, terms
from include.ledger.state import EVENTS, EventName, Fact, State, applied

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def ledger_fact(event: EventName, new: str | None = None, version: str | None = None, **more: Any) -> Fact:
    about: dict[str, Any] = {"key": "k", "as_of": NOW, "by": "carol", "reason": "because", "run_id": "run"} | more
    return Fact(event=event, version=version or new, new=new, **about)


def chain(*facts: Fact) -> list[Entry]:
    entries: list[Entry] = []
    for hours, fact in enumerate(facts):
        entries.append(following(entries[-1] if entries else None, "toy", fact, NOW + timedelta(hours=hours)))
    return entries


def promoted(*versions: str) -> list[Fact]:
    return [fact for version in versions for fact in (ledger_fact("promoting", version), ledger_fact("promoted", version))]


def after(*facts: Fact) -> State:
    return chain(*facts)[-1].after


def test_each_champion_remembers_whom_it_replaced() -> None:
    """Previous is the one that was replaced, not the number before."""
    state = after(*promoted("1", "5", "9"))
    assert (state.champion, state.previous, state.were_champion) == ("9", "5", ("1", "5", "9"))


def test_rolling_back_twice_does_not_come_back_to_where_it_started() -> None:
    """After a rollback from 9 to 5 the way back leads to 1, never to the version that failed."""
    state = after(*promoted("1", "5", "9"), ledger_fact("rolling_back", "5"), ledger_fact("rolled_back", "5"))
    assert (state.champion, state.previous, state.rolled_back) == ("5", "1", ("9",))
    state = applied(state, ledger_fact("rolled_back", "1"), NOW)
    assert (state.champion, state.previous, state.rolled_back) == ("1", None, ("5", "9"))


def test_a_version_brought_back_by_override_is_no_longer_marked() -> None:
    """An override takes the mark away; the way back skips what is still marked."""
    state = after(*promoted("1", "5", "9"), ledger_fact("rolled_back", "5"), ledger_fact("rolled_back", "9"))
    assert (state.champion, state.previous, state.rolled_back) == ("9", "1", ("5",))


def test_a_lost_champion_is_where_the_way_back_leads() -> None:
    """A person removed the alias: there is no champion, and the last one is known."""
    state = after(*promoted("1", "5"), ledger_fact("changed_by_hand", None, version="5"))
    assert (state.champion, state.previous) == (None, "5")


def test_an_intent_stays_open_until_its_outcome_is_written() -> None:
    """The next run sees what a killed one was about to do."""
    state = after(*promoted("1"), ledger_fact("promoting", "2"))
    assert state.moving is not None
    assert (state.champion, state.moving.old, state.moving.new) == ("1", "1", "2")
    assert applied(state, ledger_fact("abandoned", version="2"), NOW).moving is None
    assert applied(state, ledger_fact("promoted", "2"), NOW).moving is None


def test_probation_begins_with_a_promotion_and_ends_with_any_other_change() -> None:
    """A first champion has no version to be compared with; a hand-made change ends what was being compared."""
    assert after(*promoted("1")).on_probation is None
    state = after(*promoted("1", "2"), ledger_fact("looked", version="2"), ledger_fact("looked", version="7"))
    assert state.on_probation is not None
    assert (state.on_probation.version, state.on_probation.against, state.on_probation.looks) == ("2", "1", 1)
    assert applied(state, ledger_fact("changed_by_hand", "1"), NOW).on_probation is None
    assert applied(state, ledger_fact("probation_ended", version="2"), NOW).on_probation is None
    assert applied(state, ledger_fact("probation_ended", version="7"), NOW).on_probation == state.on_probation


def test_what_was_in_production_on_3_may() -> None:
    """A term lasts from the entry that began it to the one that ended it; before the first there was nothing."""
    entries = chain(*promoted("1", "2"), ledger_fact("refused", version="3"), ledger_fact("rolled_back", "1"))
    assert [(term.version, term.start, term.end) for term in terms(entries)] == [
        ("1", NOW + timedelta(hours=1), NOW + timedelta(hours=3)),
        ("2", NOW + timedelta(hours=3), NOW + timedelta(hours=5)),
        ("1", NOW + timedelta(hours=5), None),
    ]
    found = term_at(entries, NOW + timedelta(hours=4))
    assert found is not None
    assert found.version == "2"
    assert term_at(entries, NOW) is None


facts = st.builds(
    ledger_fact,
    st.sampled_from(EVENTS),
    st.sampled_from(["1", "2", "3", None]),
    st.sampled_from(["1", "2", "3"]),
    reason=st.text(max_size=20),
    evidence=st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3),
)


@given(st.lists(facts, max_size=12))
def test_an_entry_comes_back_from_its_bytes_as_it_was(written: list[Fact]) -> None:
    """Whatever people wrote into it; and a chain as it was written is whole."""
    entries = chain(*written)
    stored = [to_bytes(entry) for entry in entries]
    assert [from_bytes(Entry, data, "key") for data in stored] == entries
    assert faults(entries, stored) == []


@given(st.lists(facts, min_size=2, max_size=8), st.data())
def test_a_tampered_chain_is_detected(written: list[Fact], data: st.DataObject) -> None:
    """Changed, removed from the middle, exchanged: none passes for the history that was written."""
    entries = chain(*written)
    place = data.draw(st.integers(0, len(entries) - 2))
    how = data.draw(st.sampled_from(["changed", "left out", "exchanged"]))
    if how == "changed":
        entries[place] = replace(entries[place], reason=entries[place].reason + "!")
    elif how == "left out":
        del entries[place]
    else:
        entries[place], entries[place + 1] = entries[place + 1], entries[place]
    assert faults(entries, [to_bytes(entry) for entry in entries])


def test_the_state_in_an_entry_is_proved_too() -> None:
    """A state that does not follow from what happened is found out, although the chain was made to fit."""
    entries = chain(*promoted("1", "2"))
    forged = replace(entries[3], champion="1", after=replace(entries[3].after, champion="1"))
    assert "another state" in " ".join(faults([*entries[:3], forged], [to_bytes(e) for e in [*entries[:3], forged]]))


@pytest.mark.parametrize(
    "changed",
    [{"after": "x"}, {"sequence": "1"}, {"at": "2026-05-01"}, {"by": 5}, {"evidence": []}, {"reason": None}, {"version": 3}],
)
def test_an_entry_with_values_of_other_kinds_is_none(changed: dict[str, Any]) -> None:
    """A broken object in the bucket raises the pipeline's own error, never one of Python's, in pages and tasks."""
    document = json.loads(to_bytes(chain(*promoted("1"))[-1])) | changed
    with pytest.raises(CorruptObject, match=r"^key"):
        from_bytes(Entry, json.dumps(document).encode(), "key")


@pytest.mark.parametrize("data", [b"", b"null", b"{}", b"[1]", b'{"sequence": 1}', b"\xff"])
def test_other_bytes_are_no_entry(data: bytes) -> None:
    """Whatever lies there instead gives one kind of error."""
    with pytest.raises(CorruptObject, match=r"^key"):
        from_bytes(Entry, data, "key")
