"""Reconcile: do registry and ledger still agree?

In: the form, which may freeze the model, snooze a kind of message or withdraw a delivery. Out: who is champion. Finishes what
a killed promotion or rollback began, and records a champion that was changed by hand in MLflow, with the time at which it was
noticed. Sets the aliases `previous` and `anchor`, and the mirror of the ledger on the versions, where they differ from the
ledger; a freeze stops none of this. Does nothing else, and nothing twice.
"""

from include.champion.asked_by_form import do_what_was_asked
from include.champion.handover import handover
from include.results import Reconciled
from include.services import StepContext

IF_IT_FAILS = "It was not checked whether the champion was changed by hand; the champion is unchanged."


def run(context: StepContext) -> Reconciled:
    """Registry and ledger in agreement.

    Raises:
        DataError, ToolError: as for `do_what_was_asked`.
        Locked: another run is changing this model's champion just now.
        LedgerBroken: the ledger cannot be read.
    """
    services, name = context.services, context.model.name
    done = do_what_was_asked(context)
    held = tuple(hold.in_words() for hold in services.holds.in_force(name))
    if services.registry.champion(name) is None and services.ledger.newest(name) is None:
        return Reconciled(
            champion_version=None, by_hand=False, held=held, summary="; ".join([*done, "no champion yet", *held])
        )
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
            summary="; ".join([*done, agreed, *begun.repairs, *held]),
        )
