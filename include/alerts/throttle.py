"""Messages to people: which one goes out now, which is held back, and what the next one reports of those.

One outage is one message a window, however many models it stops. Beyond that, only so many messages go out in so many minutes.
Nothing is lost in silence: what was held back or could not be delivered is counted, and reported with the next message.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

Kind = Literal[
    "failure",
    "outage",
    "started",
    "verdict",
    "approval",
    "promoted",
    "rolled_back",
    "silence",
    "page",
    "by_hand",
    "probation",
    "held",
]
Outcome = Literal["delivered", "held_back", "failed", "unconfigured"]
KINDS: tuple[Kind, ...] = get_args(Kind)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

# These need no action: they have a limit of their own, so that they never keep a failure or a question back.
ROUTINE: tuple[Kind, ...] = ("started", "verdict", "promoted", "held")
# Seconds. An outage is reported again after so long, if it still stops tasks.
OUTAGE_WINDOW = 15 * 60
LIMIT, LIMIT_WINDOW = 20, 10 * 60
# A Slack that asks for a pause gets one, but not for ever.
LONGEST_PAUSE = 10 * 60
# So many messages are remembered as sent, so that a task that is tried again does not send twice.
REMEMBERED = 200


@dataclass(frozen=True)
class Message:
    """A message: `outage` names the service that is down, `once` what must not be sent twice."""

    kind: Kind
    text: str
    outage: str = ""
    once: str = ""

    @property
    def cause(self) -> str:
        """The name under which a message that was not delivered is counted."""
        return self.outage or self.kind


class Missed(BaseModel):
    """How many messages of one cause were not delivered, and since when (Unix seconds)."""

    model_config = ConfigDict(frozen=True)

    count: int
    since: float


class Flow(BaseModel):
    """All that is remembered about messages, of one size for ever. Times are Unix seconds.

    `counts` are by kind and outcome since the beginning; `sent` and `urgent` are the times of those that count for the limit
    of messages that need no action, and of all others; `outages` is when each was reported last; `sent_once` are the
    newest that must not be sent twice.
    """

    model_config = ConfigDict(frozen=True)

    counts: dict[str, int] = {}
    sent: tuple[float, ...] = ()
    urgent: tuple[float, ...] = ()
    missed: dict[str, Missed] = {}
    outages: dict[str, float] = {}
    sent_once: tuple[str, ...] = ()
    paused_until: float = 0.0

    def count(self, kind: str, outcome: str) -> int:
        """How many messages of a kind came to this end."""
        return self.counts.get(f"{kind} {outcome}", 0)


@dataclass(frozen=True)
class Admitted:
    """What was decided about one message: it goes out and reports `missed`, is held back, or was sent before."""

    flow: Flow
    allowed: bool
    repeated: bool = False
    missed: Mapping[str, Missed] = field(default_factory=dict)


def admit(flow: Flow, message: Message, now: float) -> Admitted:
    """Whether a message goes out now. It then counts as sent: of all that ask at the same time, only the first goes out."""
    if message.once and message.once in flow.sent_once:
        return Admitted(flow, allowed=False, repeated=True)
    queue = "sent" if message.kind in ROUTINE else "urgent"
    recent = tuple(sorted(time for time in getattr(flow, queue) if now - time < LIMIT_WINDOW))[-LIMIT:]
    known = message.outage and now - flow.outages.get(message.outage, 0.0) < OUTAGE_WINDOW
    if known or now < flow.paused_until or len(recent) >= LIMIT:
        held = _counted(_missing(flow, message, now), message.kind, "held_back")
        return Admitted(held.model_copy(update={queue: recent}), allowed=False)
    # What was held back during another outage is reported with that outage's next message.
    waiting = {name for name, time in flow.outages.items() if name != message.outage and now - time < OUTAGE_WINDOW}
    missed = {cause: one for cause, one in flow.missed.items() if cause not in waiting}
    changes = {
        queue: (*recent, now),
        "missed": {cause: one for cause, one in flow.missed.items() if cause in waiting},
        "outages": flow.outages | ({message.outage: now} if message.outage else {}),
        "sent_once": (*flow.sent_once, *([message.once] if message.once else []))[-REMEMBERED:],
    }
    return Admitted(flow.model_copy(update=changes), allowed=True, missed=missed)


@dataclass(frozen=True)
class Sent:
    """What became of a message that went out, and when (Unix seconds).

    `missed` is what it reported of others, `pause` for how many seconds Slack asked to be left alone.
    """

    outcome: Outcome
    at: float
    missed: Mapping[str, Missed] = field(default_factory=dict)
    pause: float = 0.0


def settled(flow: Flow, message: Message, sent: Sent) -> Flow:
    """The flow after a message went out. One that failed frees its place, so that the next of its outage is tried."""
    flow = _counted(flow, message.kind, sent.outcome)
    if sent.outcome != "failed":
        return flow
    for cause, one in sent.missed.items():
        flow = _missing_more(flow, cause, one)
    changes = {
        "outages": {name: time for name, time in flow.outages.items() if name != message.outage},
        "sent_once": tuple(one for one in flow.sent_once if one != message.once),
        "paused_until": max(flow.paused_until, sent.at + min(sent.pause, LONGEST_PAUSE)),
    }
    return _missing(flow.model_copy(update=changes), message, sent.at)


def _counted(flow: Flow, kind: Kind, outcome: Outcome) -> Flow:
    return flow.model_copy(update={"counts": flow.counts | {f"{kind} {outcome}": flow.count(kind, outcome) + 1}})


def _missing(flow: Flow, message: Message, now: float) -> Flow:
    return _missing_more(flow, message.cause, Missed(count=1, since=now))


def _missing_more(flow: Flow, cause: str, more: Missed) -> Flow:
    before = flow.missed.get(cause)
    whole = Missed(count=before.count + more.count, since=min(before.since, more.since)) if before else more
    return flow.model_copy(update={"missed": flow.missed | {cause: whole}})
