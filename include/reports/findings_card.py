"""The findings of one run of the monitor as a page of markdown: the action of triage, what moved, how good the champion is."""

from include.reports.pages import render
from include.results import Drift, Finding, Quality

_KINDS = {
    "shift": "moved",
    "new": "new values",
    "noise": "noise",
    "predictions": "the champion's predictions",
    "label": "the labels",
    "together": "separable",
    "volume": "number of rows",
}


def findings_card(model_name: str, finding: Finding, drift: Drift | None, quality: Quality | None) -> str:
    """One page from the results of the monitor's tasks, None where a task has none; text from outside is escaped."""
    return render("findings_card.md", model_name=model_name, finding=finding, drift=drift, quality=quality, kinds=_KINDS)
