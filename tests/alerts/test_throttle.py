"""One outage is one message, there is a limit, and messages that were not sent are counted in the next one."""

from hypothesis import given
from hypothesis import strategies as st

from include.alerts.throttle import (
    KINDS,
    LIMIT,
    LIMIT_WINDOW,
    LONGEST_PAUSE,
    OUTAGE_WINDOW,
    REMEMBERED,
    ROUTINE,
    Admitted,
    Flow,
    Message,
    Missed,
    Sent,
    admit,
    settled,
)

FAILURE = Message("failure", "x")
AWAY = Message("outage", "x", outage="MLflow")
NOW = 1_700_000_000.0


def send(flow: Flow, message: Message, now: float, outcome: str = "delivered") -> tuple[Flow, Admitted]:
    """One message, from the question whether it goes to what became of it."""
    found = admit(flow, message, now)
    if not found.allowed:
        return found.flow, found
    return settled(found.flow, message, Sent(outcome, now, found.missed)), found  # type: ignore[arg-type]  # a word of the table


def test_one_outage_is_one_message_a_window() -> None:
    """Of fifty failures the first is sent, and the first one after the window says how many more there were."""
    flow = Flow()
    sent = 0
    for second in range(50):
        flow, found = send(flow, AWAY, NOW + second)
        sent += found.allowed
    assert sent == 1
    flow, later = send(flow, AWAY, NOW + OUTAGE_WINDOW)
    assert later.allowed
    assert later.missed == {"MLflow": Missed(count=49, since=NOW + 1)}
    assert (flow.count("outage", "delivered"), flow.count("outage", "held_back")) == (2, 49)
    assert send(flow, AWAY, NOW + 2 * OUTAGE_WINDOW)[1].missed == {}


def test_an_outage_hides_nothing_else() -> None:
    """Another service that is away and an ordinary failure are sent at once, and do not report what the outage held back."""
    flow = send(send(Flow(), AWAY, NOW)[0], AWAY, NOW)[0]
    for message in (FAILURE, Message("outage", "x", outage="object store")):
        flow, found = send(flow, message, NOW + 1)
        assert (found.allowed, found.missed) == (True, {})


def test_messages_held_back_in_an_outage_are_summarised_after_it() -> None:
    """Whatever it is about: nothing is lost because MLflow came back."""
    flow = send(send(Flow(), AWAY, NOW)[0], AWAY, NOW)[0]
    found = send(flow, FAILURE, NOW + OUTAGE_WINDOW + 1)[1]
    assert found.missed == {"MLflow": Missed(count=1, since=NOW)}


def test_there_is_a_limit_over_all_models() -> None:
    """What is beyond it is held back, counted by kind, and summed up by the next message that goes."""
    flow = Flow()
    for number in range(LIMIT + 5):
        flow, found = send(flow, FAILURE, NOW + number)
        assert found.allowed == (number < LIMIT)
    flow, found = send(flow, Message("page", "x"), NOW + LIMIT_WINDOW)
    assert (found.allowed, found.missed) == (True, {"failure": Missed(count=5, since=NOW + LIMIT)})
    assert flow.missed == {}


def test_routine_messages_never_hold_back_urgent_ones() -> None:
    """Twenty retrainings that began at once, and still the failure and the question are sent."""
    flow = Flow()
    for kind in [*ROUTINE] * LIMIT:
        flow, routine = send(flow, Message(kind, "x"), NOW)
    assert not routine.allowed
    for kind in set(KINDS) - set(ROUTINE) - {"outage"}:
        flow, found = send(flow, Message(kind, "x"), NOW + 1)
        assert found.allowed, kind


def test_a_message_that_slack_refused_is_counted_with_all_that_it_carried() -> None:
    """The place of an outage is free again, so that the next task tries."""
    flow = send(send(Flow(), AWAY, NOW)[0], AWAY, NOW)[0]
    flow, found = send(flow, AWAY, NOW + OUTAGE_WINDOW, "failed")
    assert found.allowed
    flow, again = send(flow, AWAY, NOW + OUTAGE_WINDOW + 1)
    assert (again.allowed, again.missed) == (True, {"MLflow": Missed(count=2, since=NOW)})
    assert flow.count("outage", "failed") == 1


def test_a_pause_that_slack_asks_for_is_kept_but_not_for_ever() -> None:
    """Meanwhile messages are held back; whatever Slack says, they go again after ten minutes."""
    flow = settled(Flow(), FAILURE, Sent("failed", NOW, pause=1e9))
    assert not admit(flow, FAILURE, NOW + LONGEST_PAUSE - 1).allowed
    assert admit(flow, FAILURE, NOW + LONGEST_PAUSE).allowed


def test_a_task_that_runs_again_tells_nothing_twice() -> None:
    """Unless it was not delivered the first time."""
    once = Message("started", "x", once="run 1")
    flow, _ = send(Flow(), once, NOW)
    flow, again = send(flow, once, NOW + 1)
    assert (again.allowed, again.repeated, flow.counts) == (False, True, {"started delivered": 1})
    flow, _ = send(Flow(), once, NOW, "failed")
    assert send(flow, once, NOW + 1)[1].allowed


Event = st.tuples(
    st.sampled_from([FAILURE, AWAY, Message("outage", "x", outage="object store"), Message("verdict", "x")]),
    st.sampled_from(["delivered", "failed"]),
    st.floats(0, 400),
)


@given(st.lists(Event, max_size=120))
def test_every_message_is_delivered_or_counted(events: list[tuple[Message, str, float]]) -> None:
    """In any history each message is delivered, counted in a delivered one, or waits to be counted; the memory stays small."""
    flow, now, delivered, told_of = Flow(), NOW, 0, 0
    for message, outcome, later in events:
        now += later
        flow, found = send(flow, message, now, outcome)
        if found.allowed and outcome == "delivered":
            delivered += 1
            told_of += sum(one.count for one in found.missed.values())
    assert delivered + told_of + sum(one.count for one in flow.missed.values()) == len(events)
    assert len(flow.sent) <= LIMIT
    assert len(flow.missed) <= 4


def test_the_memory_of_sent_messages_is_bounded() -> None:
    """The oldest is forgotten first."""
    flow = Flow()
    for number in range(REMEMBERED + 10):
        flow, _ = send(flow, Message("page", "x", once=str(number)), NOW + 60 * number)
    assert (len(flow.sent_once), flow.sent_once[0]) == (REMEMBERED, "10")
