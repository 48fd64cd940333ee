"""Reconcile: does the registry still say what the ledger says?

In: nothing. Out: who is champion. Finishes what a killed promotion or rollback began, and writes down a champion that somebody
changed by hand in MLflow, with the time at which it was noticed. Sets the aliases `previous` and `anchor`, and the mirror of
the ledger on the versions, where they are not what the ledger says. Does nothing else, and nothing twice.
"""

from include.champion.handover import handover
from include.models.contract import Model
from include.request import Request
from include.results import Reconciled
from include.services import Services

IF_IT_FAILS = "Nobody looked whether the champion was changed by hand; the champion is unchanged."


def run(services: Services, model: Model, request: Request) -> Reconciled:
    """Registry and ledger in agreement.

    Raises:
        Locked: somebody is changing this model's champion just now.
        LedgerBroken: the ledger cannot be read.
    """
    if services.registry.champion(model.name) is None and services.ledger.newest(model.name) is None:
        return Reconciled(champion_version=None, by_hand=False, summary="no champion yet")
    with handover(services, model, request, "reconcile") as begun:
        # Where only inference servers look, nothing may keep a model from being watched.
        begun.mirror(must_publish=False)
        champion = begun.state.champion
        agreed = f"version {champion} is champion" if champion else "nobody is champion"
        return Reconciled(
            champion_version=champion,
            by_hand=begun.by_hand,
            unpublished=begun.unpublished,
            summary="; ".join([agreed, *begun.found]),
        )
