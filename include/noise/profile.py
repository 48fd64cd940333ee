"""The noise profile: how often each kind of corruption occurs in each column of a model's own production data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import pandas as pd

from include.noise.catalogue import Declared
from include.noise.recognition import LearnedColumn, corruption_rates, learn

Rates = Mapping[str, Mapping[str, float]]

IN_WORDS = {
    "missing": "missing",
    "outlier": "out of range",
    "unseen": "never seen in training",
    "typo": "misspelt",
    "abbreviation": "abbreviated",
    "case": "in another case",
    "white_space": "with stray blanks",
    "mojibake": "damaged by a wrong encoding",
}
# What the contract says of a quarantined row, and the noise that it is a sign of.
_REASONS = {"below ": "outlier", "above ": "outlier", "not a number": "missing", "missing": "missing", "not one of ": "unseen"}


@dataclass(frozen=True)
class NoiseProfile:
    """One period's noise: `rates` is column → kind of corruption → share, 0 to 1, and holds only what was found.

    A kind of corruption is named after the corruption that makes it. Of `missing` and `outlier` it is the share of all cells,
    of the others the share of the cells that hold a value. `quarantined` is the share of delivered rows that broke the
    contract.
    """

    rows: int
    quarantined: float = 0.0
    rates: Rates = field(default_factory=dict, hash=False)

    def rate(self, column: str, corruption: str) -> float:
        """The share of a column's cells; 0 for what was not found."""
        return self.rates.get(column, {}).get(corruption, 0.0)

    def with_quarantine(self, reasons: Mapping[str, int], quarantined: int, delivered: int) -> "NoiseProfile":
        """The same with `quarantined` of the `delivered` rows, `reasons` being the contract's words for them with counts."""
        rates = {column: dict(of_column) for column, of_column in self.rates.items()}
        for column in {reason.partition(": ")[0] for reason in reasons}:
            for corruption, rate in _refused(column, reasons, delivered).items():
                of_column = rates.setdefault(column, {})
                of_column[corruption] = min(1.0, of_column.get(corruption, 0.0) + rate)
        return NoiseProfile(self.rows, quarantined / delivered if delivered else 0.0, rates)

    def in_words(self, at_most: int = 8) -> list[str]:
        """What was found, one line for each column and kind of corruption, the largest first.

        >>> NoiseProfile(1200, 0.01, {"note": {"typo": 0.031}, "gust": {"missing": 0.8}}).in_words()
        ['gust: 80% missing', 'note: 3.1% misspelt', '1% of the delivered rows in quarantine']
        """
        largest = sorted(
            (-rate, column, corruption) for column, rates in self.rates.items() for corruption, rate in rates.items()
        )
        lines = [
            f"{column}: {_percent(-rate)} {IN_WORDS.get(corruption, corruption)}"
            for rate, column, corruption in largest[:at_most]
        ]
        if len(largest) > at_most:
            lines.append(f"and {len(largest) - at_most} more, each at most {_percent(-largest[at_most][0])}")
        if self.quarantined:
            lines.append(f"{_percent(self.quarantined)} of the delivered rows in quarantine")
        return lines


def measure_profile(
    reference: pd.DataFrame | Mapping[str, LearnedColumn],
    fresh: pd.DataFrame,
    columns: Sequence[Declared],
) -> NoiseProfile:
    """The noise in fresh rows, as curated, against training rows or what `learn_columns` made of them.

    >>> from types import SimpleNamespace
    >>> colour = SimpleNamespace(name="colour", kind="category")
    >>> known = pd.DataFrame({"colour": ["orange", "purple"]})
    >>> measure_profile(known, pd.DataFrame({"colour": ["Orange", None, "purple", "purple"]}), [colour]).rates
    {'colour': {'missing': 0.25, 'case': 0.3333333333333333}}
    """
    known = learn_columns(reference, columns) if isinstance(reference, pd.DataFrame) else reference
    rates = {}
    for column in columns:
        of_column = {"missing": float(fresh[column.name].isna().mean())} if len(fresh) else {}
        if column.name in known:
            of_column |= corruption_rates(fresh[column.name], known[column.name])
        rates[column.name] = {corruption: rate for corruption, rate in of_column.items() if rate > 0}
    return NoiseProfile(len(fresh), rates={column: of_column for column, of_column in rates.items() if of_column})


def pooled(profiles: Sequence[NoiseProfile]) -> NoiseProfile:
    """The profile of all rows of some profiles, each counting by its rows.

    >>> pooled([NoiseProfile(30, rates={"x": {"missing": 0.1}}), NoiseProfile(10, rates={"x": {"missing": 0.5}})]).rates
    {'x': {'missing': 0.2}}
    """
    rows = sum(profile.rows for profile in profiles)
    rates: dict[str, dict[str, float]] = {}
    for column, corruption in sorted({(c, m) for profile in profiles for c, its in profile.rates.items() for m in its}):
        share = sum(profile.rate(column, corruption) * profile.rows for profile in profiles) / max(rows, 1)
        rates.setdefault(column, {})[corruption] = share
    quarantined = sum(profile.quarantined * profile.rows for profile in profiles) / max(rows, 1)
    return NoiseProfile(rows, quarantined, rates)


def learn_columns(reference: pd.DataFrame, columns: Sequence[Declared]) -> dict[str, LearnedColumn]:
    """What training rows teach about each column that is no number."""
    return {column.name: learn(reference[column.name], column.kind) for column in columns if column.kind != "number"}


def typical(profiles: Sequence[NoiseProfile]) -> NoiseProfile:
    """The median over periods of every share; what was not found in a period counts as 0. Without a period, nothing.

    >>> typical([NoiseProfile(10, rates={"x": {"missing": rate}}) for rate in (0.1, 0.2, 0.9)]).rates
    {'x': {'missing': 0.2}}
    """
    if not profiles:
        return NoiseProfile(0)
    pairs = sorted(
        {(column, corruption) for profile in profiles for column, rates in profile.rates.items() for corruption in rates}
    )
    rates: dict[str, dict[str, float]] = {}
    for column, corruption in pairs:
        if share := median(profile.rate(column, corruption) for profile in profiles):
            rates.setdefault(column, {})[corruption] = share
    return NoiseProfile(
        round(median(profile.rows for profile in profiles)), median(profile.quarantined for profile in profiles), rates
    )


def _refused(column: str, reasons: Mapping[str, int], delivered: int) -> dict[str, float]:
    """Share of the delivered rows that were refused because of this column, by kind of corruption."""
    shares: dict[str, float] = {}
    for reason, count in reasons.items():
        text = reason.removeprefix(f"{column}: ")
        corruption = next((corruption for words, corruption in _REASONS.items() if text.startswith(words)), None)
        if text != reason and corruption and delivered:
            shares[corruption] = shares.get(corruption, 0.0) + count / delivered
    return shares


def _percent(share: float) -> str:
    return f"{100 * share:.2g}%" if share < 0.995 else "100%"
