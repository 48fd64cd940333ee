"""What people hold back for a time: promotions and retrainings (a freeze), or one kind of message (a snooze). Pure.

A hold is about the present: it counts by the clock, whatever time a run is about. So a back-fill of last year promotes nothing
during today's incident, and a hold of last year does not change what a run finds that is cleared today.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import ClassVar, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict

from include.errors import ToolError

What = Literal["freeze", "page", "silence", "failure", "probation"]
FREEZE: What = "freeze"
# Kinds of messages that a person may snooze; a question, a promotion or an outage is always sent.
SNOOZABLE: tuple[What, ...] = tuple(what for what in get_args(What) if what != FREEZE)
ALL_MODELS = "_all"
LONGEST = timedelta(days=366)
# Of each model; older ones are forgotten here, and the ledger keeps the freezes.
REMEMBERED = 100


class Hold(BaseModel):
    """One hold: of what, by whom, why, and from when until when.

    `ended` is when a person ended it earlier, `ended_by` who, `ended_because` why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: What
    by: str
    reason: str
    since: AwareDatetime
    until: AwareDatetime
    everywhere: bool = False
    ended: AwareDatetime | None = None
    ended_by: str = ""
    ended_because: str = ""

    def holds_at(self, now: datetime) -> bool:
        """Whether it holds: it ends by itself."""
        return self.since <= now < (self.ended or self.until)

    def in_words(self) -> str:
        """Who holds what back until when, and why."""
        doing = "frozen" if self.what == FREEZE else f"messages of the kind {self.what} snoozed"
        scope = " with all models" if self.everywhere else ""
        return f"{doing}{scope} until {self.until:%Y-%m-%d %H:%M} UTC by {self.by}: {self.reason}"


class Holds(BaseModel):
    """All holds of one model, or of all models together, in the order in which they were begun."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    way_out: ClassVar[str] = (
        "Remove it, and freeze or snooze again what is still to be held back: python -m include.cli freeze --help."
    )

    holds: tuple[Hold, ...] = ()

    def begun(self, hold: Hold) -> "Holds":
        """With one more, in the place of one of the same kind that still holds; what was begun is not begun again."""
        if self.knows(hold):
            return self
        before = self.ended(hold.what, hold.by, hold.since).holds
        return Holds(holds=(*before, hold)[-REMEMBERED:])

    def knows(self, hold: Hold) -> bool:
        """Whether this very hold was begun before, also where it has ended since."""
        return any(
            (one.what, one.by, one.since, one.until) == (hold.what, hold.by, hold.since, hold.until) for one in self.holds
        )

    def ended(self, what: What, by: str, now: datetime, reason: str = "") -> "Holds":
        """Without those of a kind that hold now; they stay on record."""
        end = {"ended": now, "ended_by": by, "ended_because": reason}
        return Holds(
            holds=tuple(one.model_copy(update=end) if one.what == what and one.holds_at(now) else one for one in self.holds)
        )


def in_force(holds: Iterable[Hold], now: datetime) -> tuple[Hold, ...]:
    """Those that hold at a time, the one that lasts longest first."""
    return tuple(sorted((one for one in holds if one.holds_at(now)), key=lambda one: one.until, reverse=True))


def held(holds: Iterable[Hold], what: str, now: datetime) -> Hold | None:
    """The hold of a kind at a time; of several the one that lasts longest."""
    return next((one for one in in_force(holds, now) if one.what == what), None)


def require_usable(until: datetime, now: datetime, reason: str) -> None:
    """A hold has an end that has not come yet, within a year, and a reason.

    Raises:
        ToolError: it does not.
    """
    if not now < until <= now + LONGEST:
        raise ToolError(
            f"until={until:%Y-%m-%dT%H:%MZ}: it is {now:%Y-%m-%dT%H:%MZ} now; accepted is a time that has not come yet, at "
            f"most {LONGEST.days} days ahead. Name one, such as {now + timedelta(days=3):%Y-%m-%dT%H:%MZ}."
        )
    require_reason(reason)


def require_reason(reason: str) -> None:
    """People who read about a hold, or about its end, are told why.

    Raises:
        ToolError: nothing is said.
    """
    if not reason.strip():
        raise ToolError("the reason is empty; people will read it on the page Models. Say why.")
