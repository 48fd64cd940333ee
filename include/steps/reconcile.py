"""Reconcile: do registry and ledger still agree?

In: the form, which may freeze the model or end that. Out: who is champion. Finishes what a killed promotion or rollback began,
and records a champion that was changed by hand in MLflow, with the time at which it was noticed. Sets the aliases `previous`
and `anchor`, and the mirror of the ledger on the versions, where they differ from the ledger; a freeze stops none of this.
Does nothing else, and nothing twice.
"""

from include.champion.freezing import freeze, unfreeze
from include.champion.handover import handover
from include.errors import DataError, ToolError
from include.holds import FREEZE, Hold, require_usable
from include.results import Reconciled
from include.services import StepContext

IF_IT_FAILS = "It was not checked whether the champion was changed by hand; the champion is unchanged."


def run(context: StepContext) -> Reconciled:
    """Registry and ledger in agreement.

    Raises:
        DataError: the form freezes or unfreezes without a reason.
        ToolError: the form freezes until a time that has gone by, or unfreezes what is not frozen.
        Locked: another run is changing this model's champion just now.
        LedgerBroken: the ledger cannot be read.
    """
    services, name = context.services, context.model.name
    _hold_back(context)
    held = tuple(hold.in_words() for hold in services.holds.in_force(name))
    if services.registry.champion(name) is None and services.ledger.newest(name) is None:
        return Reconciled(champion_version=None, by_hand=False, held=held, summary="; ".join(["no champion yet", *held]))
    with handover(context, "reconcile") as begun:
        # Where only inference servers read, nothing may keep a model from being monitored.
        begun.mirror(must_publish=False)
        champion = begun.state.champion
        agreed = f"version {champion} is champion" if champion else "there is no champion"
        return Reconciled(
            champion_version=champion,
            by_hand=begun.by_hand,
            unpublished=begun.unpublished,
            held=held,
            summary="; ".join([agreed, *begun.repairs, *held]),
        )


def _hold_back(context: StepContext) -> None:
    """Freeze the model, or end that, where the form asks for it; the same run again does it once."""
    services, model, request = context.services, context.model, context.request
    if not request.freeze_until and not request.unfreeze:
        return
    if not request.reason_given:
        raise DataError(
            f"{model.name}.monitor was to freeze or unfreeze without a reason. Trigger it again with one: it is kept."
        )
    since = request.as_of
    hold = Hold(what=FREEZE, by=request.asked_by, reason=request.reason, since=since, until=request.freeze_until or since)
    if request.freeze_until:
        require_usable(hold.until, services.holds.now(), hold.reason)
        freeze(services, [model.name], hold)
        return
    ended, _ = unfreeze(services, [model.name], hold)
    if ended is None and services.holds.frozen(model.name):
        raise ToolError(f"{model.name} is frozen with all models: python -m include.cli unfreeze --all --reason … ends that.")
