"""Roll back: make the rehearsed version champion again.

In: the rehearsed target. Out: who is champion now. Under the model's lock: the champion and the target's file are checked
again, an intent is written, the alias moves, the outcome is written. The version that was rolled back from is marked, and not
promoted again. Moves nothing with `dry_run`. Safe to run again: a run killed half-way is completed or undone, and says which.
"""

from include.champion.handover import Handover, handover, refuse_changed_artifact
from include.errors import ChampionMoved
from include.models.contract import Model
from include.request import Request
from include.results import Rehearsed, RolledBack
from include.services import Services

IF_IT_FAILS = "There is a champion: the old one, or the target if its alias had moved. Clearing the task completes the rest."

# A run that is cleared after more entries than these is looked at by whoever clears it.
_REMEMBERED = 1000


def run(services: Services, model: Model, request: Request, rehearsed: Rehearsed) -> RolledBack:
    """Move the alias, or say what would be moved.

    Raises:
        ChampionMoved: the champion is not the one that the rehearsal found.
        ArtifactChanged: the target's file is not the one that was rehearsed.
        Locked: somebody else is changing this model's champion.
    """
    if request.dry_run:
        return RolledBack(
            rolled_back=False,
            champion_version=rehearsed.current,
            from_version=None,
            summary=f"dry run, nothing has moved: {rehearsed.summary}",
        )
    key = f"{request.run_id}: {rehearsed.current} to {rehearsed.target}"
    with handover(services, model, request, "roll_back") as begun:
        if services.ledger.newest_of(model.name, "rolled_back", key, within=_REMEMBERED):
            _refuse_done(begun, rehearsed)
            begun.mirror()
            return _rolled_back(begun, rehearsed)
        _refuse_what_moved(begun, rehearsed)
        evidence = {"artifact_digest": rehearsed.artifact_digest, "sample": rehearsed.sample, "override": request.override}
        begun.move("rolling_back", rehearsed.target, key, request.asked_by, request.reason, evidence)
        return _rolled_back(begun, rehearsed)


def _refuse_done(begun: Handover, rehearsed: Rehearsed) -> None:
    name, now = begun.model.name, begun.state.champion
    if now != rehearsed.target:
        raise ChampionMoved(
            f"{name}: this run rolled back to version {rehearsed.target} before, and version {now or 'none'} is champion "
            f"since. It is not done again: see the ledger, then run {name}.rollback anew if it is needed."
        )


def _refuse_what_moved(begun: Handover, rehearsed: Rehearsed) -> None:
    name, now = begun.model.name, begun.state.champion
    if now != rehearsed.current:
        raise ChampionMoved(
            f"{name}: the champion is version {now or 'none'}, it was {rehearsed.current or 'none'} when version "
            f"{rehearsed.target} was rehearsed. See the ledger, then run {name}.rollback again if it is still needed."
        )
    found, advice = begun.services.registry.artifact_digest(name, rehearsed.target), f"run {name}.rollback with another target"
    refuse_changed_artifact(begun.model, rehearsed.target, found, rehearsed.artifact_digest, "rehearsed", advice)


def _rolled_back(begun: Handover, rehearsed: Rehearsed) -> RolledBack:
    instead = f" instead of {rehearsed.current}, which is not promoted again" if rehearsed.current else ""
    return RolledBack(
        rolled_back=True,
        champion_version=rehearsed.target,
        from_version=rehearsed.current,
        summary="; ".join([f"version {rehearsed.target} is champion again{instead}", *begun.found]),
    )
