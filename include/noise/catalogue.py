"""The kinds of corruption there are, in the words of tab-err: a mechanism (where), a type (what) and a rate (how often).

The mechanism says what makes a cell likelier to be wrong: nothing (ECAR, erroneous completely at random), another column
(EAR, at random) or the cell's own value (ENAR, not at random). The type is the function that spoils it. The rate is the
severity: the share of the cells that can be befallen which are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from include.noise import absence, categories, characters, numeric, records, spelling, typing_slips

Mechanism = Literal["ECAR", "EAR", "ENAR"]
Reach = Literal["column", "column and another", "columns", "columns of a kind"]

ALL = frozenset({"number", "category", "text"})
NUMBER = frozenset({"number"})
CATEGORY = frozenset({"category"})
TEXT = frozenset({"text"})
WORDS = CATEGORY | TEXT
NONE: frozenset[str] = frozenset()


class Declared(Protocol):
    """A column as a model declares it: its name, and "number", "category" or "text"."""

    @property
    def name(self) -> str:
        """The column's name."""

    @property
    def kind(self) -> str:
        """What its values are."""


@dataclass(frozen=True)
class Corruption:
    """A kind of corruption: the kinds of column it can befall, and those on which the default suite tries it (`usual`).

    `reach` is what its function is given: `(values, rate, rng)` of a column; the same and `other`, a second column; or
    `(frame, names, rate, rng)` of all its columns, or of those of each kind. `words` names the team's own list that it takes
    besides, if it takes one.
    """

    name: str
    function: Callable[..., Any]
    kinds: frozenset[str]
    usual: frozenset[str] = NONE
    mechanism: Mechanism = "ECAR"
    reach: Reach = "column"
    words: Literal["", "misspellings", "synonyms"] = ""

    @property
    def meaning(self) -> str:
        """Its first sentence, for reports."""
        return (self.function.__doc__ or "").strip().splitlines()[0]


@dataclass(frozen=True)
class Mixture:
    """Several corruptions at once, under one name."""

    name: str
    meaning: str
    mechanism: str = "as measured"


CORRUPTIONS = (
    Corruption("missing", absence.missing, ALL, usual=ALL),
    Corruption("missing_by_value", absence.missing_by_value, ALL, mechanism="ENAR"),
    Corruption("missing_by_other", absence.missing_by_other, ALL, mechanism="EAR", reach="column and another"),
    Corruption("outlier", numeric.outlier, NUMBER, usual=NUMBER),
    Corruption("unit_slip", numeric.unit_slip, NUMBER, usual=NUMBER),
    Corruption("sign_flip", numeric.sign_flip, NUMBER),
    Corruption("rounded", numeric.rounded, NUMBER),
    Corruption("frozen", numeric.frozen, NUMBER, usual=NUMBER),
    Corruption("clipped", numeric.clipped, NUMBER, mechanism="ENAR"),
    Corruption("shifted", numeric.shifted, NUMBER),
    Corruption("swap", categories.swap, CATEGORY, usual=CATEGORY),
    Corruption("unseen", categories.unseen, CATEGORY, usual=CATEGORY),
    Corruption("rare_to_other", categories.rare_to_other, CATEGORY, mechanism="ENAR"),
    Corruption("synonym", categories.synonym, CATEGORY, words="synonyms"),
    Corruption("typo", typing_slips.typo, WORDS, usual=WORDS),
    Corruption("neighbour_key", typing_slips.neighbour_key, WORDS),
    Corruption("dropped_letter", typing_slips.dropped_letter, WORDS),
    Corruption("doubled_letter", typing_slips.doubled_letter, WORDS),
    Corruption("transposed_letters", typing_slips.transposed_letters, WORDS),
    Corruption("phonetic", spelling.phonetic, WORDS, usual=TEXT),
    Corruption("abbreviation", spelling.abbreviation, WORDS, usual=TEXT),
    Corruption("misspelling", spelling.misspelling, WORDS, words="misspellings"),
    Corruption("case", characters.case, WORDS, usual=WORDS),
    Corruption("white_space", characters.white_space, WORDS),
    Corruption("missing_space", characters.missing_space, WORDS),
    Corruption("accents", characters.accents, WORDS),
    Corruption("emoji", characters.emoji, WORDS),
    Corruption("mojibake", characters.mojibake, WORDS, usual=TEXT),
    Corruption("truncated", characters.truncated, WORDS),
    Corruption("exchanged", records.exchanged, ALL, reach="columns of a kind"),
    Corruption("gone", records.gone, ALL, reach="columns"),
)
BY_NAME: Mapping[str, Corruption] = {corruption.name: corruption for corruption in CORRUPTIONS}
