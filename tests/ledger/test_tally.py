"""What a ledger adds up to: the same whether it is counted at once or entry by entry."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.ledger.tally import Tally
from tests.ledger.test_entries import chain, promoted, said

FACTS = st.lists(
    st.one_of(
        st.sampled_from(["1", "2", "3"]).map(promoted),
        st.sampled_from(["keep", "blocked", "inconclusive"]).map(
            lambda verdict: [said("refused", version="9", evidence={"verdict": verdict})]
        ),
        st.just([said("changed_by_hand", None, version="1")]),
        st.just([said("promoting", "4")]),
    ),
    max_size=8,
).map(lambda lists: [fact for facts in lists for fact in facts])


@given(facts=FACTS, cut=st.integers(0, 20))
def test_counting_in_two_parts_gives_the_same(facts: list[object], cut: int) -> None:
    """A tally goes on from where it stopped, through JSON too, and counts nothing twice."""
    entries = chain(*facts)  # type: ignore[arg-type]
    whole = Tally().counting(entries)
    first = Tally.from_json(json.loads(json.dumps(Tally().counting(entries[:cut]).as_json(), default=str)))
    assert first.counting(entries[max(0, cut - 2) :]) == whole
    assert sum(whole.events.values()) == len(entries) == whole.sequence


def test_an_entry_in_between_cannot_be_left_out() -> None:
    """A gap is said, not counted over."""
    entries = chain(*promoted("1", "2"))
    with pytest.raises(ValueError, match="entry 3 does not follow entry 1"):
        Tally().counting([entries[0], *entries[2:]])


def test_it_tells_since_when() -> None:
    """A champion's time in office begins once, and what was begun without an outcome is waiting since then."""
    entries = chain(*promoted("1"), said("looked"), said("promoting", "2"), said("looked", key="other"))
    tally = Tally().counting(entries)
    assert tally.champion_since == entries[1].at
    assert tally.moving_since == entries[3].at
    assert Tally().counting(chain(*promoted("1"), said("changed_by_hand", None, version="1"))).champion_since is None
