"""docs/reference.md is what the docstrings say."""

from dataclasses import fields

from include.cli.reference_page import PAGE, TYPES, page
from include.models.contract import Model


def test_the_page_is_what_is_written_now() -> None:
    """A changed docstring or default needs `make reference-page`."""
    assert PAGE.read_text() == page()


def test_every_type_that_a_model_is_made_of_is_on_it() -> None:
    """Named in an annotation of another one that is there, it is there itself."""
    annotations = " ".join(str(field.type) for kind in TYPES for field in fields(kind))
    for name in (
        "Column",
        "Feed",
        "Criteria",
        "Candidate",
        "Search",
        "Retraining",
        "Worth",
        "Review",
        "Refresh",
        "Governance",
    ):
        assert name in {kind.__name__ for kind in TYPES}
        assert name in annotations or name in str(Model.__annotations__)


def test_metrics_and_corruptions_are_on_it() -> None:
    """By the names that a file writes."""
    text = page()
    for name in ("roc_auc", "hit_rate_at_5", "mae", "money", "typo", "missing", "unit_slip"):
        assert f"| `{name}` |" in text, name
