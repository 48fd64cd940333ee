"""The picture on the card: drawn for every kind of evidence; what it looks like is looked at by people."""

import io
from dataclasses import replace
from typing import Any

import matplotlib.image
import pytest

from include.decisions.gate.budgets import Cost
from include.decisions.scoring.scorecard import Scorecard
from include.reports.decision_plots import decision_picture
from tests.reports.test_decision_card import ALONE, COMPARED, CRITERIA, DECISION, FACTS, cell

SEVERITIES = {"missing@0.2": ("missing", 0.2), "missing@0.05": ("missing", 0.05)}
NOISY = tuple(cell(condition=name) for name in SEVERITIES)


def test_dollar_signs_in_a_slice_name_do_not_break_the_plot() -> None:
    """A slice of prices has two of them, and a picture that cannot be drawn must not cost the verdict."""
    priced = replace(COMPARED, cells=(*COMPARED.cells, cell("price=$0_$50")))
    dear = replace(DECISION, reasons=("worse on price=$0_$50",))
    assert decision_picture(dear, priced, CRITERIA, SEVERITIES, FACTS)


@pytest.mark.parametrize(
    ("scorecard", "champion_cost"),
    [
        (replace(COMPARED, cells=(*COMPARED.cells, *NOISY, cell("origin=EWR"))), Cost(latency_ms=11.0, size_mb=2.0)),
        (ALONE, None),
    ],
    ids=["against a champion", "alone"],
)
def test_a_picture_is_drawn(scorecard: Scorecard, champion_cost: Any) -> None:
    """A PNG with ink on it, with and without a champion, whatever was measured of the cost."""
    facts = replace(FACTS, cost=Cost(latency_ms=12.0), champion_cost=champion_cost)
    png = decision_picture(DECISION, scorecard, CRITERIA, SEVERITIES, facts)
    pixels = matplotlib.image.imread(io.BytesIO(png))
    assert pixels.shape[:2] == (688, 832)
    assert pixels[..., :3].std() > 0.05
    assert decision_picture(DECISION, scorecard, CRITERIA, SEVERITIES, facts) == png
