"""The messages are made as their README says: ordinary weeks are ordinary, and half-way customers ask for something new."""

from functools import cache

import numpy as np
import pandas as pd

from demo.messages import NEW_FROM, SEED, START, WEEKS, Grammar, messages, share_of_the_new

GRAMMAR = Grammar.read()


@cache
def made() -> pd.DataFrame:
    table = messages()
    return table.assign(week=(table["time"] - pd.Timestamp(START)).dt.days // 7, new=table["intent"].isin(GRAMMAR.new))


def test_the_same_seed_makes_the_same_messages() -> None:
    """A history can be made again, to the last letter; another seed makes another one."""
    pd.testing.assert_frame_equal(messages(SEED), made().drop(columns=["week", "new"]))
    assert not messages(1)["text"].equals(made()["text"])


def test_every_week_has_its_messages() -> None:
    """Sixty weeks of 500 to 1,300 messages, each with a text, in at least forty intents."""
    counts = made().groupby("week").size()
    assert len(counts) == WEEKS
    assert counts.between(500, 1_300).all()
    assert made()["text"].str.len().gt(0).all()
    assert made().loc[made()["week"] < NEW_FROM, "intent"].nunique() >= 40


def test_what_is_new_begins_in_the_declared_week_and_grows() -> None:
    """No message before the week asks what is new; 5 to 9 % do in it, and more than a fifth in the end."""
    share = made().groupby("week")["new"].mean()
    assert (share[share.index < NEW_FROM] == 0).all()
    assert 0.05 < share[NEW_FROM] < 0.09
    assert share.tail(8).mean() > 0.2
    assert np.abs(share - share_of_the_new(np.arange(WEEKS))).max() < 0.05


def test_new_wishes_bring_new_words() -> None:
    """Words of the new wishes, such as allergic and vegan, stand in no message of the weeks before."""
    before = made().loc[made()["week"] < NEW_FROM, "text"].str.lower()
    after = made().loc[made()["new"], "text"].str.lower()
    for word in ("allerg", "vegan", "gluten", "climate"):
        assert not before.str.contains(word).any(), word
        assert after.str.contains(word).any(), word


def test_ordinary_weeks_are_ordinary() -> None:
    """Before the declared week, and within what is old after it, the mix of intents moves with the season only, slowly."""
    old = made()[~made()["new"]]
    mix = pd.crosstab(old["week"], old["intent"], normalize="index").rolling(4).mean().dropna()
    assert mix.diff().abs().to_numpy()[1:].max() < 0.03


def test_words_are_misspelt_as_people_do() -> None:
    """The list of misspellings is of words that the grammar uses, and none of them is a word of the grammar."""
    listed = pd.read_csv("demo/data/misspellings.csv")
    phrases = " ".join(phrase for intent in GRAMMAR.intents.values() for phrase in intent["phrases"])
    wrong = {word for words in listed["misspelt"] for word in words.split()}
    assert len(wrong) > 2_000
    assert not wrong & set(phrases.replace("[", " ").replace("]", " ").replace("|", " ").split())
    found = made()["text"].str.lower().str.findall("[a-z]{4,}").head(5_000)
    assert 0.1 < found.map(lambda words: bool(wrong & set(words))).mean() < 0.3


def test_every_phrase_can_be_generated() -> None:
    """A slot that a phrase names is in the list of slots, or the number of an order."""
    intents = GRAMMAR.intents.values()
    named = {
        slot
        for intent in intents
        for phrase in [*intent["phrases"], *intent.get("late_phrases", ())]
        for slot in _slots(phrase)
    }
    assert named <= GRAMMAR.slots.keys() | {"number"}
    assert not made()["text"].str.contains(r"[\[\]{}|]").any()


def _slots(phrase: str) -> list[str]:
    return [part.split("}")[0] for part in phrase.split("{")[1:]]
