"""An alert says what failed, why, what state things are in, and where to go on."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Literal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include import errors
from include.alerts.texts import (
    Failure,
    approval_text,
    by_hand_text,
    cause_in_words,
    failure_text,
    finding_text,
    missed_text,
    outage_text,
    probation_text,
    promoted_text,
    rolled_back_text,
    started_text,
    verdict_text,
)
from include.errors import BrokenFeed, DataError, ProvingGroundError, RegistryUnreachable, UnreadableFile
from include.results import (
    Approval,
    Assembled,
    Finding,
    Probated,
    Promotion,
    Question,
    RolledBack,
    Snapshot,
    Verdict,
)
from include.steps import state_after_failure
from include.untrusted_text import of_data
from tests.toy import World, day, rows

STEPS = sorted(path.stem for path in Path(import_module("include.steps").__path__[0]).glob("[!_]*.py"))
LINK = "http://airflow.example/log"


def snapshot(rows: int) -> Snapshot:
    return Snapshot(digest="d", start=day(0), end=day(1), rows=rows)


ROWS = Assembled(train=snapshot(9), holdout=snapshot(3))


def failed(pipeline: str, step: str, error: BaseException | None) -> str:
    return failure_text(Failure(pipeline, step, error, LINK), state_after_failure(step, error))


def test_an_alert_says_what_on_call_needs() -> None:
    """Model, stage, step, kind of error, its words, the state of things, the log: four lines."""
    text = failure_text(
        Failure("flight_delays.monitor", "pull", BrokenFeed("the feed is broken"), LINK), state_after_failure("pull")
    )
    assert text.splitlines() == [
        ":red_circle: *flight_delays* · feed broken: monitor stopped in *pull* (BrokenFeed)",
        "the feed is broken",
        "_Nothing was taken in; the champion is unchanged, and the next run finds the same files._",
        f"<{LINK}|Log and retry>",
    ]


@pytest.mark.parametrize("step", STEPS)
def test_every_step_says_in_which_state_it_leaves_things(step: str) -> None:
    """The line is in the step's own file, is one sentence or two, and says something about the champion or the decision."""
    state = import_module(f"include.steps.{step}").IF_IT_FAILS
    assert state in failed(f"toy.{step}", step, None)
    assert state.endswith(".")
    assert "champion" in state or "decision" in state


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("<!channel> & <http://evil.example|click>", "&lt;!channel&gt; &amp; &lt;http://evil.example|click&gt;"),
        ("one\n\ntwo\tthree", "one two three"),
        ("x" * 5000, "x" * 600),
        ("", "DataError"),
    ],
)
def test_text_from_outside_acts_on_nothing(given: str, shown: str) -> None:
    """A file name in a message causes no mention and no link in Slack."""
    assert failed("toy.monitor", "pull", DataError(given)).splitlines()[1] == shown


def test_a_process_that_died_leaves_no_words() -> None:
    """The alert says that nothing more is known, and about a task that is no step the safe thing."""
    text = failed("toy.monitor", "not_a_step", None)
    assert "the worker process died; nothing more is known" in text
    assert "The champion is unchanged." in text


VERDICT = Verdict(
    verdict="promote",
    reasons=("better by 0.02",),
    version="2",
    artifact_digest="d",
    champion_version="1",
    card_url="http://mlflow.example/#/card",
)
PROMOTION = Promotion(promoted=False, champion_version="1", previous_version=None)
REJECTED = Approval(approved=False, by="bob", summary="rejected by bob: no")
QUESTION = Question(
    where="orchestrator",
    answered_in="Airflow",
    subject="toy: may version 2 become champion?",
    body="",
    evidence="e",
    version="2",
    until=datetime(2024, 3, 1, 12, tzinfo=UTC),
    url=LINK,
)


def test_the_message_names_what_started_a_retraining() -> None:
    """Drift, decay, the cadence or a person, with what was found and how much is trained on."""
    assembled = Assembled(train=snapshot(12345), holdout=snapshot(678))
    assert started_text("toy", cause_in_words("decay: roc_auc 0.7, was 0.8", ""), assembled, LINK).splitlines() == [
        ":arrows_counterclockwise: *toy* · retraining started: decay",
        "roc_auc 0.7, was 0.8",
        "_Train on 12,345 rows, hold out 678. No action needed: the verdict follows._",
        f"<{LINK}|Run>",
    ]
    assert cause_in_words("cadence", "") == "cadence: scheduled"
    assert cause_in_words("manual", "alice") == "by hand, alice"
    assert cause_in_words("new prices", "alice") == "by hand, alice: new prices"


@pytest.mark.parametrize(
    ("word", "version", "title", "advice"),
    [
        ("keep", "2", ":white_circle: *toy* · *keep*, version 2", "No action needed."),
        ("inconclusive", "2", ":large_yellow_circle: *toy* · *inconclusive*, version 2", "how many would decide."),
        ("blocked", "2", ":red_circle: *toy* · *blocked*, version 2", "docs/runbook.md what to do about it."),
        ("promote", "2", ":large_yellow_circle: *toy* · *promote*, version 2", "rejected by bob: no."),
        ("keep", None, ":white_circle: *toy* · nothing was trained", "No action needed."),
    ],
)
def test_a_verdict_is_four_lines(word: str, version: str | None, title: str, advice: str) -> None:
    """Sign and verdict, one reason, who is champion and what to do, and the card."""
    verdict = VERDICT.model_copy(
        update={"verdict": word, "version": version, "card_url": VERDICT.card_url if version else None}
    )
    lines = verdict_text("toy", verdict, PROMOTION, REJECTED, LINK).splitlines()
    assert (lines[0], lines[1]) == (title, "better by 0.02")
    assert lines[2].startswith("_Version 1 stays champion. ")
    assert lines[2].endswith(f"{advice}_")
    assert lines[3] == ("<http://mlflow.example/#/card|Decision card>" if version else f"<{LINK}|Run>")


def test_a_promotion_names_who_approved_it_and_how_to_roll_back() -> None:
    """The first champion replaces no version, and there is no way back from it."""
    done = Promotion(promoted=True, champion_version="2", previous_version="1")
    assert promoted_text("toy", VERDICT, done, "alice", LINK).splitlines() == [
        ":large_green_circle: *toy* · version 2 is champion, instead of 1",
        "better by 0.02",
        "_Approved by alice. To go back, run toy.rollback._",
        "<http://mlflow.example/#/card|Decision card>",
    ]
    first = promoted_text("toy", VERDICT, done.model_copy(update={"previous_version": None}), "the gate", LINK)
    assert "version 2 is champion, the first" in first
    assert "rollback" not in first


def test_a_rollback_says_who_wanted_it_and_why() -> None:
    """And what becomes of the version that was left."""
    lines = rolled_back_text("toy", back("1", "2"), "alice", "bad week", LINK).splitlines()
    assert lines[0] == ":leftwards_arrow_with_hook: *toy* · rolled back: version 1 is champion again instead of 2"
    assert lines[1] == "alice: bad week"
    assert "Version 2 is blocked from promotion" in lines[2]


def test_an_outage_is_about_the_service() -> None:
    """The first model that it stopped, and what to do about the service."""
    text = outage_text(Failure("toy.monitor", "pull", RegistryUnreachable("no answer"), LINK))
    assert text.startswith(":red_circle: *MLflow* cannot be used (RegistryUnreachable) · first in *toy.monitor*, pull")
    assert "Check that its server runs" in text


def test_every_outage_has_its_message() -> None:
    """Whatever error says that a service cannot be used, the message says what to do about that service."""
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, ProvingGroundError) and kind.outage
    ]
    assert {kind.__name__ for kind in kinds} >= {"StoreUnreachable", "RegistryUnreachable", "AccessDenied"}
    for kind in kinds:
        assert "Check that" in outage_text(Failure("toy.monitor", "pull", kind("no answer"), LINK))


def test_undelivered_messages_are_summarised_in_one_line() -> None:
    """By cause how many, and since when; nothing where nothing was missed."""
    assert missed_text({}) is None
    line = missed_text({"MLflow": (49, 0.0), "by_hand": (1, 60.0)})
    assert line is not None
    assert "49 more of MLflow since 00:00, 1 more of by hand since 00:01 UTC" in line


SECRET = "Jane Doe, 4111 1111"


def refused(frame: pd.DataFrame) -> BrokenFeed:
    """What a delivery of these rows ends in."""
    world = World()
    world.deliver("features", "00", frame)
    with pytest.raises(BrokenFeed) as caught:
        world.take_in(day(1))
    return caught.value


def test_a_contract_that_breaks_tells_no_row() -> None:
    """Neither values that break it, nor a first row that was taken for the header; the log and the quarantine have them."""
    spoilt = failed("toy.monitor", "check", refused(rows(0).assign(x=SECRET, colour=SECRET)))
    assert "60 of 60 rows of features of 2024-01-01 break the contract" in spoilt
    headless = refused(rows(0).rename(columns={"colour": SECRET}))
    assert SECRET in str(headless)
    assert "lacks the columns colour; it has «…»" in failed("toy.monitor", "check", headless)
    for text in (spoilt, failed("toy.monitor", "check", headless)):
        assert "Jane" not in text
        assert "4111" not in text


@pytest.mark.parametrize("error", [ValueError(SECRET), KeyError(SECRET), DataError(f"the first is {of_data(SECRET)}")])
def test_the_text_of_a_library_error_is_left_out(error: Exception) -> None:
    """scikit-learn and pandas quote the value that they choke on: the message names the kind, the log has the details."""
    text = failed("toy.monitor", "score", error)
    assert "Jane" not in text
    assert type(error).__name__ in text


def test_a_reason_of_drift_tells_no_value() -> None:
    """A frozen or a new value could be a person's name; the card in Airflow shows it."""
    reason = f"drift: name: {of_data(SECRET)}: 12.0% of its values; x: frozen at {of_data(SECRET)[:9]}"
    for text in (
        finding_text("toy", Finding(action="page", reason=reason, advice="")),
        started_text("toy", reason, ROWS, LINK),
    ):
        assert text is not None
        assert "name: «…»: 12.0% of its values; x: frozen at «…»" in text
        assert "Jane" not in text


def test_a_reviewer_reads_what_is_asked_where_and_until_when() -> None:
    """One message with the page to answer on; a name in it mentions no one by itself."""
    asked = approval_text(QUESTION, ["<!here>"])
    assert asked.splitlines() == [
        ":raised_hand: *toy: may version 2 become champion?* · &lt;!here&gt;",
        "_Until 2024-03-01 12:00 UTC; no answer means no._",
        f"<{LINK}|Answer in Airflow>",
    ]
    assert "Answer in MLflow, by a tag" in approval_text(
        QUESTION.model_copy(update={"answered_in": "MLflow, by a tag on the version"}), ()
    )


@pytest.mark.parametrize("action", ["nothing", "note", "wait", "retrain"])
def test_a_finding_that_needs_no_action_sends_no_message(action: Literal["nothing", "note", "wait", "retrain"]) -> None:
    """A reader who gets a message about everything soon reads none."""
    assert finding_text("toy", Finding(action=action, reason="the data moved", advice="")) is None


def test_a_page_says_what_was_found_and_what_to_do() -> None:
    """In one message, with nothing in it that Slack would act on."""
    text = finding_text("toy", Finding(action="page", reason="noise surge: <!channel> & more\nlines", advice="Ask upstream."))
    assert text is not None
    assert text.splitlines() == [
        ":large_yellow_circle: *toy* · page",
        "noise surge: &lt;!channel&gt; &amp; more lines",
        "_Ask upstream._",
    ]
    alarm = finding_text("toy", Finding(action="alarm", reason="silence", advice="See."))
    assert alarm is not None
    assert alarm.startswith(":red_circle:")


@pytest.mark.parametrize("decision", ["none", "going on", "passed"])
def test_a_probation_that_goes_well_is_no_message(decision: Literal["none", "going on", "passed"]) -> None:
    """The ledger has it for those who ask."""
    assert probation_text("toy", Probated(decision=decision, then="propose", summary="look 1 of 2")) is None


@pytest.mark.parametrize(
    ("decision", "then", "title", "advice"),
    [
        ("worse", "propose", "the new champion is worse", "to go back, run toy.rollback."),
        ("worse", "roll_back", "the new champion is worse", "A rollback was requested: see toy.rollback."),
        ("impossible", "roll_back", "probation could not be finished", "watch its quality."),
    ],
)
def test_a_probation_that_ends_badly_says_why_and_what_to_do(
    decision: Literal["worse", "impossible"], then: Literal["propose", "roll_back"], title: str, advice: str
) -> None:
    """Three lines, with nothing in them that Slack would act on."""
    text = probation_text("toy", Probated(decision=decision, then=then, summary="look 1 of 2: <!here>"))
    assert text is not None
    lines = text.splitlines()
    assert lines[0].endswith(f"*toy* · {title}")
    assert lines[1] == "look 1 of 2: &lt;!here&gt;"
    assert lines[2].endswith(f"{advice}_")


def test_a_champion_changed_by_hand_is_announced() -> None:
    """The person on call learns of it, and how to undo it."""
    text = by_hand_text("toy", "version 3 was made champion by hand; version 2 was")
    assert "· changed by hand" in text
    assert "version 3 was made champion by hand; version 2 was" in text
    assert "run toy.rollback" in text


def hostile_verdict(text: str) -> Verdict:
    return VERDICT.model_copy(update={"verdict": "inconclusive", "reasons": (text,), "version": text})


def hostile_promotion(text: str) -> Promotion:
    return Promotion(promoted=True, champion_version=text, previous_version=text)


def back(to: str, left: str) -> RolledBack:
    return RolledBack(rolled_back=True, champion_version=to, from_version=left)


MESSAGES: dict[str, Callable[[str], str]] = {
    "failure": lambda text: failed(f"{text}.monitor", text, BrokenFeed(text)),
    "finding": lambda text: str(finding_text(text, Finding(action="alarm", reason=text, advice=text))),
    "probation": lambda text: str(probation_text(text, Probated(decision="worse", summary=text))),
    "by hand": lambda text: by_hand_text(text, text),
    "approval": lambda text: approval_text(QUESTION.model_copy(update={"subject": text}), [text, text]),
    "approval with verdict": lambda text: approval_text(
        QUESTION.model_copy(update={"subject": text, "url": text}), [], hostile_verdict(text)
    ),
    "outage": lambda text: outage_text(Failure(f"{text}.monitor", text, RegistryUnreachable(text), LINK)),
    "started": lambda text: started_text(text, f"drift: {text}", ROWS, LINK),
    "started by hand": lambda text: started_text(text, cause_in_words(text, text), ROWS, f"{LINK}{text}"),
    "verdict": lambda text: verdict_text(
        text, hostile_verdict(text), hostile_promotion(text), REJECTED.model_copy(update={"summary": text}), LINK
    ),
    "promoted": lambda text: promoted_text(text, hostile_verdict(text), hostile_promotion(text), text, LINK),
    "rolled back": lambda text: rolled_back_text(text, back(text, text), text, text, LINK),
    "missed": lambda text: str(missed_text({text: (1, 0.0)})),
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
def test_untrusted_text_cannot_change_a_message(message: str, hostile: str) -> None:
    """No link, mention or line that is not ours, no turned text, nothing endless, whoever is its author."""
    text, calm = MESSAGES[message](hostile), MESSAGES[message]("calm")
    assert text.count("<") == calm.count("<")
    assert len(text.splitlines()) == len(calm.splitlines())
    assert not {"\u202e", "\u200b", "\x1b", "\r", "\u2028"} & set(text)
    assert len(text) < 4_000


@pytest.mark.parametrize("message", MESSAGES)
@given(st.text(max_size=900))
def test_whatever_text_comes_a_message_keeps_its_shape(message: str, text: str) -> None:
    """Escaped, as many lines as ever or fewer where a field is empty, and short enough for Slack."""
    message_text, calm = MESSAGES[message](text), MESSAGES[message]("calm")
    assert message_text.count("<") == message_text.count(">") <= calm.count("<")
    assert not re.search(r"&(?!amp;|lt;|gt;)", re.sub(r"<http[^>]*>", "", message_text))
    assert len(message_text.splitlines()) <= len(calm.splitlines())
    assert len(message_text) < 12_000


@pytest.mark.parametrize(
    ("error", "says", "not_said"),
    [
        (BrokenFeed("columns are absent"), "No row of this batch went on", "other files of the batch went on"),
        (UnreadableFile("not parquet"), "The other files of the batch went on", "No row of this batch"),
        (MemoryError(), "The champion is unchanged", "quarantine"),
    ],
)
def test_the_state_fits_the_case_that_happened(error: BaseException, says: str, not_said: str) -> None:
    """Not a list of all that may be."""
    text = failed("toy.monitor", "check", error)
    assert says in text
    assert not_said not in text


def test_a_finding_has_a_title() -> None:
    """It says what it is, and not which of triage's words it has."""
    text = finding_text("toy", Finding(action="page", title="Feed too noisy: temp: 4.9% missing", reason="noise surge: temp"))
    assert "*toy* · Feed too noisy: temp: 4.9% missing" in str(text)
