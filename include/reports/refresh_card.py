"""The card of a refreshed version: which rows it has seen, and what its promotion rests on."""

from dataclasses import dataclass

from include.models.contract import Task
from include.reports.pages import render
from include.results import Snapshot


@dataclass(frozen=True)
class RefreshFacts:
    """What the card says: the versions, the rows, and how far answers to clean rows `moved` of what is `allowed`."""

    model: str
    version: str
    validated: str
    train: Snapshot
    moved: float
    allowed: float


def refresh_card(facts: RefreshFacts, task: Task) -> str:
    """A page of markdown, to be the version's description in MLflow."""
    unit = "the share of rows with another first answer" if task == "multiclass" else "in standard deviations of the answers"
    return render("refresh_card.md", unit=unit, **vars(facts))
