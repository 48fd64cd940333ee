"""What a run is about: the form first, then the newest asset event, then the schedule."""

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest

from airflow_tasks import request_from
from include.errors import DataError
from include.request import Request
from tests.toy import MODEL

FORM, EVENT, INTERVAL, AFTER = (datetime(2024, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4))


SECOND = EVENT.isoformat()


def event(as_of: Any = SECOND, reason: str = "decay") -> SimpleNamespace:
    return SimpleNamespace(extra={"as_of": as_of, "reason": reason})


def request(run_type: str = "scheduled", events: dict[str, list[SimpleNamespace]] | None = None, **context: Any) -> Request:
    dag_run = SimpleNamespace(run_after=AFTER, run_type=run_type, run_id="run-1", conf=context.pop("conf", None))
    return request_from({"dag_run": dag_run, "triggering_asset_events": events, **context})


@pytest.mark.parametrize(
    ("form", "events", "interval", "as_of"),
    [
        (FORM.isoformat(), {"asset": [event()]}, INTERVAL, FORM),
        (None, {"asset": [event()]}, INTERVAL, EVENT),
        (None, {"asset": [SimpleNamespace(extra=None)]}, INTERVAL, INTERVAL),
        (None, {}, INTERVAL, INTERVAL),
        (None, None, None, AFTER),
    ],
    ids=["form", "event", "event that says nothing", "interval", "run after"],
)
def test_as_of_comes_from_the_form_then_the_event_then_the_schedule(
    form: str | None, events: dict[str, list[SimpleNamespace]] | None, interval: datetime | None, as_of: datetime
) -> None:
    """The most explicit request wins."""
    assert request(events=events, params={"as_of": form}, data_interval_end=interval).as_of == as_of


def test_the_interval_of_a_schedule_becomes_a_plain_time() -> None:
    """Airflow hands over pendulum's: periods are counted with it, and a difference of pendulum's cannot be divided."""
    asked = request(data_interval_end=pendulum.datetime(2024, 3, 4, 6, tz="Europe/Berlin"))
    assert type(asked.as_of) is datetime
    assert asked.as_of == datetime(2024, 3, 4, 5, tzinfo=UTC)
    assert MODEL.period_of(asked.as_of) == datetime(2024, 3, 4, tzinfo=UTC)


def test_by_hand_an_empty_form_means_now() -> None:
    """Airflow infers an interval for a manual run too: the last slot of the schedule is not what a person asked for."""
    assert request("manual", data_interval_end=INTERVAL).as_of == AFTER


def test_a_field_that_the_form_does_not_have_is_refused() -> None:
    """A misspelt `asof` must not quietly mean now."""
    with pytest.raises(DataError, match=r"asof: not in the form; accepted are as_of, candidate, dry_run, force"):
        request("manual", conf={"asof": FORM.isoformat()}, params={})


def test_of_several_events_the_newest_counts() -> None:
    """One run may have been started by many, of several assets; the newest knows most."""
    old, new = event("2024-02-01T00:00:00+00:00", "old"), event("2024-02-08T00:00:00+00:00", "new")
    for events in ({"asset": [old, new]}, {"asset": [new, old]}, {"a": [new], "b": [old]}):
        assert request(events=events).reason == "new"


@pytest.mark.parametrize(
    ("params", "events", "run_type", "reason"),
    [
        ({"reason": "typed"}, {"asset": [event()]}, "manual", "typed"),
        ({"reason": ""}, {"asset": [event()]}, "asset_triggered", "decay"),
        ({}, {}, "manual", "manual"),
        ({}, {}, "scheduled", "cadence"),
    ],
)
def test_every_run_has_a_reason(params: dict[str, str], events: Any, run_type: str, reason: str) -> None:
    """A person's words, the event's, or how the run came about."""
    assert request(run_type, events, params=params).reason == reason


@pytest.mark.parametrize(
    ("typed", "as_of"),
    [
        ("2024-01-01", FORM),
        ("2024-01-01T00:00:00Z", FORM),
        ("2024-01-01T02:00:00+02:00", FORM),
        ("2024-01-01 00:00", FORM),
    ],
)
def test_times_are_utc(typed: str, as_of: datetime) -> None:
    """A time without zone is UTC; one with a zone is the same moment in UTC."""
    found = request(params={"as_of": typed}).as_of
    assert found == as_of
    assert found.tzinfo is UTC


@pytest.mark.parametrize("bad", ["yesterday", "2024-13-01", 20240101, "0001-01-01T00:00:00+23:59"])
def test_a_bad_time_is_refused_with_its_value(bad: Any) -> None:
    """The message says what was given and what is accepted, whether it came from a form or an event."""
    for given in ({"params": {"as_of": bad}}, {"events": {"asset": [event(bad)]}}):
        with pytest.raises(DataError, match=re.escape(f"as_of={bad!r} is not a time; accepted is ISO 8601")):
            request(**given)


@pytest.mark.parametrize("source", ["form", "event"])
def test_a_time_that_is_still_to_come_is_refused(source: str) -> None:
    """Labels would count as known before they can be, and every check until then would be taken for a back-fill."""
    now = datetime.now(UTC)

    def asked(as_of: datetime) -> Request:
        text = as_of.isoformat()
        return request(params={"as_of": text}) if source == "form" else request(events={"asset": [event(text)]})

    evening_before = now + timedelta(hours=23)
    assert asked(evening_before).as_of == evening_before
    with pytest.raises(DataError, match=rf"as_of={now.year + 2}-.* is in the future, it is {now:%Y-%m-%d}T.*Trigger again"):
        asked(now.replace(year=now.year + 2, month=1, day=1))


@pytest.mark.parametrize("text", ["0213-03-25T00:00:00Z", "0001-01-01T00:00:00Z", "1899-12-31T23:59:59Z"])
def test_a_mistyped_year_is_refused(text: str) -> None:
    """Before any data there is nothing to do, and what such a run kept would stand in the way of every later one."""
    with pytest.raises(DataError, match=r"as_of=.* is before the year 1900.*mistyped"):
        request(params={"as_of": text})


def test_force_is_off_unless_asked_for() -> None:
    """No run forces by accident."""
    assert not request().force
    assert request(params={"force": True}).force


def test_a_number_of_rows_is_called_normal_only_in_the_form() -> None:
    """By no accident."""
    assert not request().normal_now
    assert request(params={"normal_now": True}).normal_now


def test_a_candidate_is_asked_for_only_in_the_form() -> None:
    """An event of upstream does not say what is to be trained."""
    assert request(params={"candidate": " words\n"}).candidate == "words"
    assert request(params={"candidate": "the best of all"}).candidate == ""
    assert request(params={"candidate": "nothing"}).candidate == "nothing", "a candidate may be called so"
    assert request(params={"snooze": "nothing"}).snooze == ""
    assert request(events={"asset": [SimpleNamespace(extra={"as_of": SECOND, "candidate": "words"})]}).candidate == ""


def test_an_override_names_its_person_and_keeps_whether_a_reason_was_typed() -> None:
    """No one replaces an unscorable champion anonymously: the user is Airflow's, the reason is from the form."""
    dag_run = SimpleNamespace(run_after=AFTER, run_type="manual", run_id="run-1", conf=None, triggering_user_name="carol")
    asked = request_from({"dag_run": dag_run, "params": {"replace_unscorable_champion": True, "reason": "column gone"}})
    assert (asked.override, asked.reason_given, asked.asked_by) == (True, True, "carol")
    unasked = request("scheduled", params={})
    assert (unasked.override, unasked.reason_given, unasked.asked_by) == (False, False, "the schedule")


@pytest.mark.parametrize("field", ["force", "override", "dry_run", "replace_unscorable_champion", "normal_now"])
def test_a_box_that_is_neither_ticked_nor_empty_is_refused(field: str) -> None:
    """Airflow does not check a field that this DAG's form lacks: the text "false" must not tick it."""
    with pytest.raises(DataError, match=f"{field}='false' is no answer; accepted are true and false"):
        request("manual", params={field: "false"})
    assert not request("manual", params={field: None}).override


def test_words_of_a_form_or_an_event_are_one_readable_line() -> None:
    """Ten megabytes, newlines, right-to-left marks and nulls end here: nothing after it has to cut them."""
    hostile = "a\n<b>\u202e\x00\ud800" + "x" * 10_000_000
    posted = SimpleNamespace(extra={"as_of": SECOND, "reason": hostile, "by": hostile, "target": hostile, "instead_of": 3})
    for asked in (request(events={"asset": [posted]}), request("manual", params={"reason": hostile, "target": hostile})):
        for text in (asked.reason, asked.target or "", asked.asked_by):
            assert len(text) <= 1000
            assert text.isprintable()
    assert request(events={"asset": [posted]}).instead_of == "3"
    assert not request("manual", params={"reason": "\u200b\u202e"}).reason_given


def test_who_posted_an_event_is_not_who_it_says() -> None:
    """Anyone who may post an event to Airflow can write a name into it: the ledger must not take it for a person's."""
    posted = SimpleNamespace(extra={"as_of": SECOND, "reason": "r", "by": "alice", "from_rest_api": True})
    assert request("asset_triggered", {"asset": [posted]}).asked_by == "an event posted to the API"
    ours = SimpleNamespace(extra={"as_of": SECOND, "reason": "r", "by": "probation"})
    assert request("asset_triggered", {"asset": [ours]}).asked_by == "probation"
