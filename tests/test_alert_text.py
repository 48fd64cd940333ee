"""An alert says what failed, why, what state things are in, and where to go on."""

from importlib import import_module
from pathlib import Path

import pytest

from include.alert_text import (
    announcement_text,
    approval_text,
    by_hand_text,
    failure_text,
    finding_text,
    probation_text,
)
from include.errors import BrokenFeed

STEPS = sorted(path.stem for path in Path(import_module("include.steps").__path__[0]).glob("[!_]*.py"))
LINK = "http://airflow.example/log"


def test_an_alert_says_what_on_call_needs() -> None:
    """Model, stage, step, kind of error, its words, the state of things, the log: four lines."""
    text = failure_text("flight_delays.monitor", "pull", BrokenFeed("the feed is broken"), LINK)
    assert text.splitlines() == [
        ":red_circle: *flight_delays* · monitor failed in *pull* (BrokenFeed)",
        "the feed is broken",
        "_Nothing was taken in; the champion is unchanged, and the next run finds the same files._",
        f"<{LINK}|Log and retry>",
    ]


@pytest.mark.parametrize("step", STEPS)
def test_every_step_says_in_which_state_it_leaves_things(step: str) -> None:
    """The line is in the step's own file, is one sentence or two, and says something about the champion or the decision."""
    state = import_module(f"include.steps.{step}").IF_IT_FAILS
    assert state in failure_text(f"toy.{step}", step, None, LINK)
    assert state.endswith(".")
    assert "champion" in state or "decision" in state


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("<!channel> & <http://evil.example|click>", "&lt;!channel&gt; &amp; &lt;http://evil.example|click&gt;"),
        ("one\n\ntwo\tthree", "one two three"),
        ("x" * 5000, "x" * 600),
        ("", "ValueError"),
    ],
)
def test_text_from_outside_acts_on_nothing(said: str, shown: str) -> None:
    """Slack pages nobody and links nowhere because a file name says so."""
    assert failure_text("toy.monitor", "pull", ValueError(said), LINK).splitlines()[1] == shown


def test_a_process_that_died_leaves_no_words() -> None:
    """The alert says that nothing more is known, and about a task of nobody's the safe thing."""
    text = failure_text("toy.monitor", "not_a_step", None, LINK)
    assert "the worker process died; nothing more is known" in text
    assert "The champion is unchanged." in text


def test_an_announcement_acts_on_nothing_either() -> None:
    """What is announced holds words from outside; the address of the card stays one that Slack links."""
    said = announcement_text(
        "toy: keep: 3 < 4 & <!here>; version 1 stays champion - http://mlflow.example/#/models/toy/versions/1"
    )
    assert said == (
        "toy: keep: 3 &lt; 4 &amp; &lt;!here&gt;; version 1 stays champion - http://mlflow.example/#/models/toy/versions/1"
    )


def test_a_reviewer_reads_what_is_asked_where_and_until_when() -> None:
    """One message with the page to answer on; a name in it pages nobody by itself."""
    asked = approval_text("toy: may version 2 become champion?", "airflow", "2024-03-01T12:00:00+00:00", LINK, ["<!here>"])
    assert asked.splitlines() == [
        ":raised_hand: *toy: may version 2 become champion?* · &lt;!here&gt;",
        f"<{LINK}|Answer in Airflow>",
        "_Until 2024-03-01 12:00 UTC; no answer means no._",
    ]
    assert "Answer in MLflow, by a tag" in approval_text("toy", "registry", "2024-03-01T12:00:00+00:00", LINK, ())


@pytest.mark.parametrize("action", ["nothing", "note", "wait", "retrain"])
def test_a_finding_that_asks_nothing_of_anybody_is_no_message(action: str) -> None:
    """Who is told of everything soon reads nothing."""
    assert finding_text("toy", action, "the data moved", "") == ""


def test_a_page_says_what_was_found_and_what_to_do() -> None:
    """In one message, with nothing in it that Slack would act on."""
    text = finding_text("toy", "page", "noise surge: <!channel> & more\nlines", "Ask upstream.")
    assert text.splitlines() == [
        ":large_yellow_circle: *toy* · page",
        "noise surge: &lt;!channel&gt; &amp; more lines",
        "_Ask upstream._",
    ]
    assert finding_text("toy", "alarm", "silence", "See.").startswith(":red_circle:")


@pytest.mark.parametrize("decision", ["none", "going on", "passed"])
def test_a_probation_that_goes_well_is_no_message(decision: str) -> None:
    """The ledger has it for those who ask."""
    assert probation_text("toy", decision, "look 1 of 2", "propose") == ""


@pytest.mark.parametrize(
    ("decision", "then", "title", "advice"),
    [
        ("worse", "propose", "the new champion is worse", "to go back, run toy.rollback."),
        ("worse", "roll_back", "the new champion is worse", "A rollback was asked for: see toy.rollback."),
        ("impossible", "roll_back", "probation could not be finished", "watch its quality."),
    ],
)
def test_a_probation_that_ends_badly_says_why_and_what_to_do(decision: str, then: str, title: str, advice: str) -> None:
    """Three lines, with nothing in them that Slack would act on."""
    lines = probation_text("toy", decision, "look 1 of 2: <!here>", then).splitlines()
    assert lines[0].endswith(f"*toy* · {title}")
    assert lines[1] == "look 1 of 2: &lt;!here&gt;"
    assert lines[2].endswith(f"{advice}_")


def test_a_champion_changed_by_hand_is_told() -> None:
    """Whoever is on call hears of it, and how to undo it."""
    text = by_hand_text("toy", "version 3 was made champion by hand; version 2 was")
    assert "· changed by hand" in text
    assert "version 3 was made champion by hand; version 2 was" in text
    assert "run toy.rollback" in text


MESSAGES = {
    "failure": lambda text: failure_text(f"{text}.monitor", text, BrokenFeed(text), LINK),
    "finding": lambda text: finding_text(text, "alarm", text, text),
    "probation": lambda text: probation_text(text, "worse", text, "propose"),
    "by hand": lambda text: by_hand_text(text, text),
    "approval": lambda text: approval_text(text, "airflow", "2026-05-03T14:00:00+00:00", LINK, [text, text]),
    "announcement": announcement_text,
}


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize(
    "hostile",
    [
        "../../x",
        "<script>alert(1)</script>",
        "'; drop table",
        "<!channel> everybody",
        "<https://evil.example|Log and retry>",
        "pay \u202eme\u200b \x1b[31mnow",
        "one\ntwo\r\nthree\u2028four",
        "x" * 10_000_000,
    ],
)
def test_no_message_is_bent_by_what_somebody_wrote(message: str, hostile: str) -> None:
    """No link, mention or line that is not ours, no turned text, nothing endless: whoever wrote it, wherever it stands."""
    text, calm = MESSAGES[message](hostile), MESSAGES[message]("calm")
    assert text.count("<") == calm.count("<")
    assert len(text.splitlines()) == len(calm.splitlines())
    assert not {"\u202e", "\u200b", "\x1b", "\r", "\u2028"} & set(text)
    assert len(text) < 4_000
