"""Triage, as a table: each finding leads to one named action."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from include.decisions.monitoring.triage import Evidence, Times, triage
from include.models.contract import Model, Worth
from include.periods import Period
from include.results import Cause, Checked, Drift, Finding, Moved, Quality, Why
from tests.toy import DAY, MODEL, changed, day

NOW = day(20)


def moved(view: str = "x", **changes: Any) -> Moved:
    what = changes.pop("what", "median 1 → 2")
    known: dict[str, Any] = {"kind": "shift", "effect": 0.5, "weight": 0.5, "what": what, "summary": f"{view}: {what}"}
    return Moved(view=view, **(known | changes))


def drift(*found: Moved, broken: tuple[str, ...] = ()) -> Drift:
    return Drift(period=day(19), columns=4, moved=found, drifted=tuple(one.view for one in found), broken=broken)


CALM, SHIFTED = drift(), drift(moved())
TYPOS = drift(moved("note: typo", kind="noise", what="12.0% of its values are misspelt, usually 1.0%"))
GROWN = drift(moved("z", kind="noise", in_a_row=4, effect=0.6, before=0.03))
STILL_TYPOS = drift(moved("note: typo", kind="noise", in_a_row=3, before=0.4))
FEW_TYPOS = drift(moved("note: typo", kind="noise", effect=0.02))
WINTER = drift(moved(season="as in the period from 2023-01-21"), moved("z", season="as in the period from 2023-01-21"))
HALVED = moved("(volume)", kind="volume", weight=0.0, effect=-0.5, what="50 rows, usually about 100")
FEWER, MORE = drift(HALVED), drift(HALVED.model_copy(update={"effect": 1.0}))
STILL_FEWER = drift(HALVED.model_copy(update={"in_a_row": 3}))
FEWER_AT_YULE = drift(HALVED.model_copy(update={"season": "as in the period from 2023-01-21"}))
ACCEPTED = FEWER.model_copy(update={"accepted_by": "carol"})
BROKEN = drift(moved(), broken=("x: frozen at 7",))
GOOD = Quality(period=day(18), metric="roc_auc", value=0.71, recent=0.7, reference=0.7)
DECAYED = GOOD.model_copy(update={"value": 0.6, "recent": 0.61, "decayed": True})
FALLEN = GOOD.model_copy(update={"value": 0.6, "fallen": True})
FAULT = Why(
    loss="absolute error",
    rise=0.1,
    low=0.08,
    high=0.12,
    rows_before=5_000,
    rows_now=5_000,
    causes=(Cause(kind="corruption", share=0.08, low=0.06, high=0.1, where=("u: missing in 30% of the rows",)),),
)
CONCEPT = FAULT.model_copy(update={"causes": (FAULT.causes[0].model_copy(update={"kind": "answer", "where": ()}),)})
BY_FAULT, BY_CONCEPT = (DECAYED.model_copy(update={"why": why}) for why in (FAULT, CONCEPT))
BELOW = FALLEN.model_copy(update={"value": 0.5, "low": 0.45, "high": 0.55})
NONE_YET = Quality(period=None, metric="roc_auc")
LATE = GOOD.model_copy(update={"overdue": 1, "estimate": 0.65})
SILENT = GOOD.model_copy(update={"overdue": 3})
ON_DRIFT = changed(on_drift=True)
PATIENT = changed(cool_down=timedelta(days=3))
PAYS = changed(when="it pays")
DEAR = changed(when="it pays", worth=Worth(retrain=300, point=50))
STALE = changed(max_model_age=timedelta(days=5))
TAKEN_IN = Checked(rows=60, quarantined=0, reasons={}, labels=60)
RECENT = Times(last_check=day(19), last_retrain=day(15))
JUST_NOW, BELOW_BEFORE = replace(RECENT, last_retrain=NOW), replace(RECENT, was_below_floor=True)
TOLD = replace(RECENT, paged_for_corruption=2)

CASES: list[tuple[str, Model, Drift, Quality, Times, str, str]] = [
    ("calm", MODEL, CALM, GOOD, RECENT, "nothing", "roc_auc 0.710 holds against 0.700"),
    (
        "a fresh model may pay",
        PAYS,
        CALM,
        GOOD,
        RECENT,
        "retrain",
        "newer labels have come; roc_auc 0.710 holds",
    ),
    ("nothing new has matured", PAYS, CALM, GOOD, JUST_NOW, "nothing", "holds against 0.700"),
    ("what would be held out was learned", PAYS, CALM, GOOD, replace(RECENT, trained_until=day(17)), "nothing", "holds"),
    ("what would be held out is new", PAYS, CALM, GOOD, replace(RECENT, trained_until=day(16)), "retrain", "may pay"),
    ("decay of what was learned", PAYS, CALM, DECAYED, replace(RECENT, trained_until=day(18)), "wait", "3 newer periods have"),
    ("a dear one is tried more rarely", DEAR, CALM, GOOD, RECENT, "nothing", "holds against 0.700"),
    ("and is tried then", DEAR, CALM, GOOD, replace(RECENT, last_retrain=day(14)), "retrain", "a fresh model may pay"),
    ("decay is told where a fresh model may pay", PAYS, CALM, DECAYED, RECENT, "retrain", "decay: roc_auc fell from 0.700"),
    (
        "nothing new since decay was answered",
        PAYS,
        CALM,
        DECAYED,
        replace(RECENT, last_retrain=NOW),
        "wait",
        "nothing has matured",
    ),
    ("below the floor", MODEL, CALM, BELOW, RECENT, "page", "the champion is below its floor: roc_auc 0.5, asked for is 0.6"),
    (
        "below it, told before",
        MODEL,
        CALM,
        BELOW,
        replace(RECENT, was_below_floor=True),
        "nothing",
        "one period is not enough",
    ),
    ("one bad period", MODEL, CALM, FALLEN, RECENT, "nothing", "roc_auc 0.600 after 0.700: one period is not enough"),
    ("no labels yet", MODEL, CALM, NONE_YET, RECENT, "nothing", "no mature labels yet"),
    ("decay", MODEL, CALM, DECAYED, RECENT, "retrain", "decay: roc_auc fell from 0.700 to 0.610 over the newest"),
    ("decay, explained", MODEL, SHIFTED, DECAYED, RECENT, "retrain", "mature periods; moved: x: median 1 → 2"),
    ("decay by a fault", MODEL, CALM, BY_FAULT, RECENT, "page", "80% of it by corrupted values: u: missing in 30%"),
    ("decay by a fault that stays", MODEL, CALM, BY_FAULT, TOLD, "retrain", "80% of it by corrupted values"),
    ("decay by concept drift", MODEL, CALM, BY_CONCEPT, RECENT, "retrain", "80% of it by another answer to the same inputs"),
    ("decay in a season", MODEL, WINTER, DECAYED, RECENT, "retrain", "decay: "),
    ("a harmless shift", MODEL, SHIFTED, GOOD, RECENT, "note", "the data moved, roc_auc 0.710 holds against 0.700: x: median"),
    ("a shift where drift asks", ON_DRIFT, SHIFTED, GOOD, RECENT, "retrain", "drift: x: median 1 → 2"),
    (
        "a shift where drift asks, estimated",
        ON_DRIFT,
        SHIFTED,
        LATE,
        RECENT,
        "retrain",
        "label-free estimate of roc_auc: 0.650",
    ),
    ("a shift in what hardly counts", ON_DRIFT, drift(moved(weight=0.1)), GOOD, RECENT, "note", "the data moved"),
    ("a season where drift asks", ON_DRIFT, WINTER, GOOD, RECENT, "note", "season: "),
    ("season", MODEL, WINTER, GOOD, RECENT, "note", "season: x: median 1 → 2; z: median 1 → 2, as in the period from 2023"),
    ("noise surge", MODEL, TYPOS, GOOD, RECENT, "page", "feed too noisy: note: typo: 12.0% of its values are misspelt"),
    ("the same surge, already reported", MODEL, STILL_TYPOS, GOOD, RECENT, "note", "(period 3 of it)"),
    ("a little more noise", MODEL, FEW_TYPOS, GOOD, RECENT, "note", "the data moved"),
    ("noise surge and decay", MODEL, TYPOS, DECAYED, RECENT, "retrain", "decay: "),
    (
        "labels late",
        MODEL,
        CALM,
        LATE,
        RECENT,
        "wait",
        "labels are 1 period late; label-free estimate of roc_auc: 0.650",
    ),
    ("labels late, data moved", MODEL, SHIFTED, LATE, RECENT, "wait", "; moved: x: median 1 → 2"),
    ("labels silent", MODEL, CALM, SILENT, RECENT, "alarm", "silence: labels are 3 periods late"),
    ("no check ran", MODEL, CALM, GOOD, Times(day(16), day(15)), "alarm", "silence: no check for 4 days"),
    ("stale", STALE, CALM, GOOD, Times(day(19), day(15)), "retrain", "the last retraining is 5 days ago"),
    ("asked in vain", STALE, CALM, GOOD, Times(day(19), day(11)), "alarm", "no retraining for 9 days, although it was due"),
    ("asked in vain, reported", STALE, CALM, GOOD, Times(day(19), day(10)), "retrain", "the last retraining is 10 days ago"),
    ("a surge of what stood a little", MODEL, GROWN, GOOD, RECENT, "page", "feed too noisy: "),
    ("half of the rows", MODEL, FEWER, GOOD, RECENT, "page", "fewer rows than usual: (volume): 50 rows, usually about 100"),
    ("half of the rows, already reported", MODEL, STILL_FEWER, GOOD, RECENT, "note", "(period 3 of it)"),
    ("half of the rows, which is normal", MODEL, ACCEPTED, GOOD, RECENT, "note", "the data moved"),
    ("half of the rows, as last year", MODEL, FEWER_AT_YULE, GOOD, RECENT, "note", "season: "),
    ("half of the rows where drift asks", ON_DRIFT, STILL_FEWER, GOOD, RECENT, "note", "the data moved"),
    ("twice the rows", MODEL, MORE, GOOD, RECENT, "note", "the data moved"),
    ("broken", MODEL, BROKEN, GOOD, RECENT, "stop", "the feed is broken: x: frozen at 7"),
    ("broken and decayed", MODEL, BROKEN, DECAYED, RECENT, "stop", "the feed is broken"),
    ("cooling down", PATIENT, CALM, DECAYED, Times(day(19), day(18)), "wait", "cooling down: last retrained as of 2024-01-19"),
    ("cooled down", PATIENT, CALM, DECAYED, Times(day(19), day(17)), "retrain", "decay"),
    ("cools for the label delay", MODEL, CALM, DECAYED, Times(day(19), NOW - DAY / 2), "wait", "cooling down"),
    ("first check, first retraining", MODEL, CALM, GOOD, Times(), "nothing", "holds"),
]


@pytest.mark.parametrize(
    ("model", "drift", "quality", "times", "action", "summary"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_triage(model: Model, drift: Drift, quality: Quality, times: Times, action: str, summary: str) -> None:
    """One finding, one action, one reason in words."""
    finding = triage(model, Evidence(NOW, True, drift, quality, times, TAKEN_IN))
    assert finding.action == action
    assert summary in finding.reason


def test_without_a_champion_one_is_wanted_unless_the_feed_is_broken() -> None:
    """Also when nothing is known of quality."""
    assert triage(MODEL, Evidence(NOW, False, CALM, NONE_YET, Times(), TAKEN_IN)).reason.startswith("first champion")
    assert triage(MODEL, Evidence(NOW, False, BROKEN, NONE_YET, Times(), TAKEN_IN)).action == "stop"


def test_too_little_history_is_waited_for_and_not_trained_on() -> None:
    """With how long; enough, or not known, asks for a first champion."""
    for periods, action in ((2, "wait"), (6, "retrain"), (None, "retrain")):
        quality = NONE_YET.model_copy(update={"labelled_periods": periods})
        found = triage(MODEL, Evidence(NOW, False, CALM, quality, Times(), TAKEN_IN))
        assert found.action == action
        assert action == "retrain" or "2 of 6 periods are labelled that a first champion needs: about 4 more" in found.reason


def test_every_action_is_in_the_table() -> None:
    """No action is left without a case."""
    assert {case[5] for case in CASES} == set(get_args(Finding.model_fields["action"].annotation))


def test_five_causes_have_five_actions() -> None:
    """A broken feed, a noise surge, a real shift, a season and late labels are told apart."""
    causes = [(BROKEN, GOOD), (TYPOS, GOOD), (SHIFTED, DECAYED), (WINTER, GOOD), (CALM, LATE)]
    actions = [triage(MODEL, Evidence(NOW, True, found, quality, RECENT, TAKEN_IN)).action for found, quality in causes]
    assert actions == ["stop", "page", "retrain", "note", "wait"]


@pytest.mark.parametrize(("found", "quality"), [(TYPOS, GOOD), (FEWER, GOOD), (CALM, SILENT)])
def test_a_page_says_what_to_do(found: Drift, quality: Quality) -> None:
    """A page offers to train on such noise; an alarm says who can help."""
    assert triage(MODEL, Evidence(NOW, True, found, quality, RECENT, TAKEN_IN)).advice


@pytest.mark.parametrize(
    ("labels", "unmatched", "quality", "action", "reason"),
    [
        (60, 60, GOOD, "page", "60 labels came, 0 belong to a row; first key «8-0.0»"),
        (60, 60, LATE, "page", "60 labels came, 0 belong to a row"),
        (60, 60, DECAYED, "retrain", "decay"),
        (60, 30, GOOD, "note", "60 labels came, 30 belong to a row; first key of the others «8-0.0»; roc_auc 0.710 holds"),
        (60, 5, GOOD, "nothing", "holds"),
        (0, 0, GOOD, "nothing", "holds"),
    ],
)
def test_labels_that_belong_to_no_row_are_reported(
    labels: int, unmatched: int, quality: Quality, action: str, reason: str
) -> None:
    """All of a batch page a person at once: they would look like late labels for weeks. A few belong to quarantined rows."""
    checked = TAKEN_IN.model_copy(update={"labels": labels, "unmatched": unmatched, "first_unmatched": "8-0.0"})
    finding = triage(MODEL, Evidence(NOW, True, CALM, quality, RECENT, checked))
    assert (finding.action, reason in finding.reason) == (action, True), finding


def test_the_default_cool_down_is_the_label_delay() -> None:
    """And the default age limit is thirteen periods, at least a month."""
    assert MODEL.effective_cool_down == MODEL.feed.label_delay
    assert MODEL.max_model_age == timedelta(days=30)
    assert changed(period=timedelta(weeks=1)).max_model_age == timedelta(weeks=13)
    assert changed(period="quarter").max_model_age == timedelta(days=365)


LAST = Times(last_check=datetime(2023, 1, 1, 6, tzinfo=UTC), last_retrain=datetime(2023, 1, 1, 6, tzinfo=UTC))


@pytest.mark.parametrize(
    ("period", "as_of", "action"),
    [
        ("month", datetime(2023, 4, 1, 6, tzinfo=UTC), "nothing"),
        ("month", datetime(2023, 4, 1, 7, tzinfo=UTC), "alarm"),
        ("quarter", datetime(2023, 10, 1, 6, tzinfo=UTC), "nothing"),
        ("quarter", datetime(2023, 10, 1, 7, tzinfo=UTC), "alarm"),
    ],
)
def test_silence_lasts_three_periods_of_the_calendar(period: Period, as_of: datetime, action: str) -> None:
    """However many days these months have."""
    finding = triage(changed(period=period), Evidence(as_of, True, CALM, GOOD, LAST, TAKEN_IN))
    assert finding.action == action, finding
    assert action == "nothing" or finding.reason.startswith("silence: no check for")


@pytest.mark.parametrize(("retrain", "month", "due"), [(50, 2, False), (50, 3, True), (150, 4, False), (150, 5, True)])
def test_a_retraining_that_pays_comes_with_the_months(retrain: float, month: int, due: bool) -> None:
    """In each, or in every third, from the day on which the last one was; a short February is a month too."""
    model = changed(when="it pays", period="month", worth=Worth(retrain=retrain, point=50))
    last = Times(datetime(2023, month, 1, 6, tzinfo=UTC), last_retrain=datetime(2023, 2, 1, 6, tzinfo=UTC))
    quality = GOOD.model_copy(update={"period": datetime(2023, month, 1, tzinfo=UTC)})
    as_of = datetime(2023, month, 1, 5 + due, tzinfo=UTC)
    finding = triage(model, Evidence(as_of, True, CALM, quality, last, TAKEN_IN))
    assert finding.action == ("retrain" if due else "nothing"), finding


def test_labels_that_never_came_are_an_alarm_before_the_first_champion() -> None:
    """A retraining would find nothing to train on, period after period, and end green."""
    for overdue, action in ((2, "retrain"), (3, "alarm")):
        silent = NONE_YET.model_copy(update={"overdue": overdue})
        finding = triage(MODEL, Evidence(NOW, False, CALM, silent, RECENT, TAKEN_IN))
        assert finding.action == action
    assert "no label has come for 3 periods that are due" in finding.reason


def test_a_champion_that_was_removed_by_hand_is_not_replaced_without_a_comparison() -> None:
    """A first champion is compared with nothing: after a mistake in MLflow a person is paged, with both ways on."""
    found = triage(MODEL, Evidence(NOW, False, CALM, NONE_YET, Times(), TAKEN_IN, removed="3"))
    assert (found.action, found.title) == ("page", "The champion was removed by hand")
    assert "version 3 was, until its alias was taken away" in found.reason
    assert "toy.rollback with target 3" in found.advice
    assert "toy.retrain" in found.advice
    assert triage(MODEL, Evidence(NOW, False, BROKEN, NONE_YET, Times(), TAKEN_IN, removed="3")).action == "stop"


def test_rows_that_broke_the_contract_are_named_and_not_trained_on() -> None:
    """They are in quarantine and reach no training: noise that a model is trained on could not make up for them."""
    refused = drift(moved("(quarantine)", kind="noise", what="4.3% of the delivered rows broke the contract, usually 0.0%"))
    checked = Checked(rows=60, quarantined=9, reasons={"origin: not one of EWR, JFK": 6, "distance: below 0": 3}, labels=60)
    found = triage(MODEL, Evidence(NOW, True, refused, GOOD, RECENT, checked))
    assert "(6 × origin: not one of EWR, JFK; 3 × distance: below 0)" in found.reason
    assert "make quarantine MODEL=toy" in found.advice
    assert "augment" not in found.advice


@pytest.mark.parametrize(
    ("quality", "title"),
    [(GOOD, "All is well"), (FALLEN, "Quality fell in one period: the next one tells"), (NONE_YET, "Not measured yet")],
)
def test_a_calm_title_says_what_the_reason_says(quality: Quality, title: str) -> None:
    """Nothing is well where quality fell, or where nobody knows."""
    assert triage(MODEL, Evidence(NOW, True, CALM, quality, RECENT, TAKEN_IN)).title == title
