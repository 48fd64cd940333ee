"""Evidently's report of two sets of rows: a picture for people, by which nothing is decided."""

import logging
from collections.abc import Collection, Sequence
from functools import partial

import pandas as pd

# One method for every column at every size: the preset's own choice changes with the number of rows.
_METHOD = "jensenshannon"
# A Jensen-Shannon distance lies between 0 and 1.
_ALWAYS, _NEVER = 1e-9, 2.0
# Values of a category that have a bar of their own; more cannot be told apart.
_BARS = 20
# Evidently lays its report out for 907 pixels and cuts off what does not fit; the pane of MLflow's page is narrower.
_FITTING = "<style>body { min-width: 960px } @media (max-width: 960px) { body { zoom: 0.63 } }</style></head>"

_log = logging.getLogger(__name__)


def draw_report(
    reference: pd.DataFrame, current: pd.DataFrame, numbers: Sequence[str], categories: Sequence[str], drifted: Collection[str]
) -> str | None:
    """The report as HTML; None, and a line in the log, where Evidently could not draw it.

    It shows Evidently's distances, and marks as drifted what was judged so before: `drifted`. Its own threshold would mark
    most columns in every period, and the page would say something else than the run that links it.

    Columns of `numbers` hold floats, those of `categories` texts: Evidently knows no other types. Of a category's values the
    most frequent 20 have a bar each, the others share one. A column that is missing throughout on either side is left out,
    since it would take the whole report down.
    """
    # Half of a monitor's imports; most runs draw nothing.
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    numbers, categories = ([name for name in names if _drawable(reference, current, name)] for names in (numbers, categories))
    kept = {name: _most_frequent(reference[name], current[name]) for name in categories}
    reference, current = (
        rows.assign(**{name: rows[name].map(partial(_as_drawn, most)) for name, most in kept.items()})
        for rows in (reference, current)
    )
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    try:
        sides = [
            Dataset.from_pandas(rows[[*numbers, *categories]], data_definition=definition) for rows in (current, reference)
        ]
        preset = DataDriftPreset(
            num_method=_METHOD,
            cat_method=_METHOD,
            threshold=_NEVER,
            per_column_threshold=dict.fromkeys(drifted, _ALWAYS),
            drift_share=1 / max(len(numbers) + len(categories), 1),
        )
        text = Report([preset]).run(*sides).get_html_str(as_iframe=False)
    except Exception:  # noqa: BLE001 - Evidently raises whatever it meets
        _log.exception("Evidently could not draw the report")
        return None
    return str(text).replace("</head>", _FITTING, 1)


def _most_frequent(*sides: pd.Series) -> frozenset[object]:
    """The values with a bar of their own: the same on both sides, and by their shares, however many rows each side has."""
    shares = pd.concat([side.value_counts(normalize=True) for side in sides]).groupby(level=0).sum()
    return frozenset(shares.nlargest(_BARS).index)


def _as_drawn(kept: frozenset[object], value: object) -> object:
    """A value as the page may hold it: Evidently writes values into a script of the page as they are."""
    if not isinstance(value, str):
        return value
    return value.replace("<", "‹") if value in kept else "(rarer values)"


def _drawable(reference: pd.DataFrame, current: pd.DataFrame, name: str) -> bool:
    return bool(reference[name].notna().any() and current[name].notna().any())
