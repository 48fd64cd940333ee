"""What a person asked for in a monitor's form, done before anything else: freeze, snooze, withdraw. Safe to run again."""

from datetime import datetime

from include.champion.freezing import freeze, unfreeze
from include.champion.withdrawal import withdraw
from include.errors import DataError, ToolError
from include.holds import FREEZE, SNOOZABLE, Hold, What, require_usable
from include.services import StepContext


def do_what_was_asked(context: StepContext) -> list[str]:
    """Do it; what was done, in words.

    Raises:
        DataError: something is asked for without a reason.
        ToolError: it cannot be done, such as a freeze until a time that has gone by.
    """
    model, request = context.model, context.request
    asked = {
        "freeze": request.freeze_until,
        "unfreeze": request.unfreeze,
        "snooze": request.snooze or request.snooze_until,
        "withdraw": request.withdraw,
    }
    wanted = [name for name, value in asked.items() if value]
    if wanted and not request.reason_given:
        raise DataError(
            f"{model.name}.monitor was to {' and '.join(wanted)} without a reason. Trigger it again with one: it is kept."
        )
    _hold_back(context)
    _snooze(context)
    return [withdraw(context, request.withdraw).in_words()] if request.withdraw else []


def _hold_back(context: StepContext) -> None:
    services, model, request = context.services, context.model, context.request
    if request.freeze_until:
        hold = _hold(context, FREEZE, request.freeze_until)
        _require_usable(context, hold)
        freeze(services, [model.name], hold)
    elif request.unfreeze:
        ended, _ = unfreeze(services, [model.name], _hold(context, FREEZE, request.as_of))
        if ended is None and services.holds.frozen(model.name):
            raise ToolError(
                f"{model.name} is frozen with all models: python -m include.cli unfreeze --all --reason … ends that."
            )


def _snooze(context: StepContext) -> None:
    services, request = context.services, context.request
    if not request.snooze and not request.snooze_until:
        return
    what = next((one for one in SNOOZABLE if one == request.snooze), None)
    if what is None or request.snooze_until is None:
        raise ToolError(
            f"snooze={request.snooze!r} until {request.snooze_until}: name a kind of message ({', '.join(SNOOZABLE)}) and a "
            "time. Trigger again with both."
        )
    hold = _hold(context, what, request.snooze_until)
    _require_usable(context, hold)
    services.holds.begin(context.model.name, hold)


def _require_usable(context: StepContext, hold: Hold) -> None:
    """A run that is cleared after its hold has ended asks for nothing new."""
    holds = context.services.holds
    if not holds.knows(context.model.name, hold):
        require_usable(hold.until, holds.now(), hold.reason)


def _hold(context: StepContext, what: What, until: datetime) -> Hold:
    request = context.request
    return Hold(what=what, by=request.asked_by, reason=request.reason, since=request.as_of, until=until)
