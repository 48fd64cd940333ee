"""Triage, as a table: each finding leads to one named action."""

from datetime import datetime, timedelta

import pytest

from include.decisions.triage import triage
from include.models.contract import Model
from include.references import Drift, Quality
from tests.toy import MODEL, changed, day

NOW = day(10)
CALM, DRIFTED = Drift(period=day(9), columns=4), Drift(period=day(9), columns=4, drifted=("x", "z"))
BROKEN = Drift(period=day(9), columns=4, drifted=("x",), broken=("x: frozen at 7",))
GOOD = Quality(period=day(8), metric="roc_auc", value=0.71, reference=0.7)
DECAYED = Quality(period=day(8), metric="roc_auc", value=0.6, reference=0.7, decayed=True)
LATE = Quality(period=None, metric="roc_auc")
ON_DRIFT, PATIENT = changed(retrain_on_drift=True), changed(cool_down=timedelta(days=3))

CASES = [
    ("calm", MODEL, True, CALM, GOOD, None, "nothing", "roc_auc 0.710 holds against 0.700"),
    ("labels are late", MODEL, True, CALM, LATE, None, "nothing", "no mature labels yet"),
    ("decay", MODEL, True, CALM, DECAYED, None, "retrain", "decay: roc_auc 0.600, was 0.700"),
    ("decay, explained", MODEL, True, DRIFTED, DECAYED, None, "retrain", "2 of 4 columns drifted"),
    ("drift alone", MODEL, True, DRIFTED, GOOD, None, "nothing", "holds against 0.700, although 2 of 4 columns drifted"),
    ("drift where it is asked for", ON_DRIFT, True, DRIFTED, GOOD, None, "retrain", "drift in 2 of 4 columns"),
    (
        "little drift where it is asked for",
        ON_DRIFT,
        True,
        Drift(period=None, columns=4, drifted=("x",)),
        GOOD,
        None,
        "nothing",
        "",
    ),
    ("broken", MODEL, True, BROKEN, GOOD, None, "stop", "the feed is broken: x: frozen at 7"),
    ("broken and decayed", MODEL, True, BROKEN, DECAYED, None, "stop", "the feed is broken"),
    ("broken without champion", MODEL, False, BROKEN, LATE, None, "stop", "the feed is broken"),
    ("first champion", MODEL, False, Drift(period=None), LATE, None, "retrain", "first champion"),
    ("cooling down", PATIENT, True, CALM, DECAYED, day(8), "nothing", "cooling down: last retrained as of 2024-01-09"),
    ("cooled down", PATIENT, True, CALM, DECAYED, day(7), "retrain", "decay"),
    ("no cool-down", MODEL, True, CALM, DECAYED, day(9), "retrain", "decay"),
]


@pytest.mark.parametrize(
    ("model", "has_champion", "drift", "quality", "last", "action", "says"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_triage(
    model: Model, has_champion: bool, drift: Drift, quality: Quality, last: datetime | None, action: str, says: str
) -> None:
    """One finding, one action, one reason in words."""
    finding = triage(model, NOW, has_champion, drift, quality, last)
    assert finding.action == action
    assert says in finding.reason


def test_every_action_is_in_the_table() -> None:
    """No action is left without a case."""
    assert {case[6] for case in CASES} == {"nothing", "retrain", "stop"}
