"""Roll back: make the verified target champion again; or undo a rollback, which blocks no version.

In: the verified target. Out: who is champion now. Under the model's lock: the champion and the target's file are checked
again, an intent is written, the alias moves, the outcome is written. The version that was rolled back from is blocked from
promotion. Moves nothing with `dry_run`. Safe to run again: a run killed half-way is completed or undone, and its log says
which.
"""

from include.champion.handover import Author, ExpectedArtifact, Handover, Subject, handover, refuse_changed_artifact
from include.errors import ChampionMoved
from include.ledger.state import OUTCOME, EventName
from include.results import RolledBack, VerifiedTarget
from include.services import StepContext

IF_IT_FAILS = "There is a champion: the old one, or the target if its alias had moved. Clearing the task completes the rest."
STATE_AFTER = {
    "ArtifactChanged": "Nothing was rolled back; the champion is unchanged.",
    "ChampionMoved": "Nothing was rolled back; the champion is the one that the message names.",
    "Locked": "Nothing was rolled back; another run is changing the champion.",
}

# A run that is cleared after more entries than these should be checked by the person who clears it.
_REMEMBERED = 1000


def run(context: StepContext, verified: VerifiedTarget) -> RolledBack:
    """Move the alias, or describe what would be moved.

    Raises:
        ChampionMoved: the champion is not the one that the verification found.
        ArtifactChanged: the target's file is not the one that was verified.
        Locked: another run is changing this model's champion.
    """
    request = context.request
    if request.dry_run:
        return RolledBack(
            rolled_back=False,
            champion_version=verified.current,
            from_version=None,
            summary=f"dry run, nothing has moved: {verified.summary}",
        )
    about = Subject(f"{request.run_id}: {verified.current} to {verified.target}", verified.target)
    intent: EventName = "restoring" if verified.undoes else "rolling_back"
    with handover(context, "roll_back") as begun:
        if context.services.ledger.newest_of(context.model.name, OUTCOME[intent], about.key, within=_REMEMBERED):
            _refuse_done(begun, verified)
            begun.mirror()
            return _rolled_back(begun, verified)
        _refuse_what_moved(begun, verified)
        evidence = {"artifact_digest": verified.artifact_digest, "sample": verified.sample, "override": request.override}
        begun.move(intent, about, Author(request.asked_by, request.reason), evidence)
        return _rolled_back(begun, verified)


def _refuse_done(begun: Handover, verified: VerifiedTarget) -> None:
    name, now = begun.model.name, begun.state.champion
    if now != verified.target:
        raise ChampionMoved(
            f"{name}: this run rolled back to version {verified.target} before, and version {now or 'none'} is champion "
            f"since. It is not done again: see the ledger, then run {name}.rollback anew if it is needed."
        )


def _refuse_what_moved(begun: Handover, verified: VerifiedTarget) -> None:
    name, now = begun.model.name, begun.state.champion
    if now != verified.current:
        raise ChampionMoved(
            f"{name}: the champion is version {now or 'none'}, it was {verified.current or 'none'} when version "
            f"{verified.target} was verified. See the ledger, then run {name}.rollback again if it is still needed."
        )
    advice = f"run {name}.rollback with another target"
    expected = ExpectedArtifact(verified.target, verified.artifact_digest, "verified", advice)
    refuse_changed_artifact(begun.model, begun.services.registry.artifact_digest(name, verified.target), expected)


def _rolled_back(begun: Handover, verified: VerifiedTarget) -> RolledBack:
    blocked = f"; v{verified.current} blocked" if verified.current else ""
    if verified.undoes:
        done = f"the rollback to v{verified.current} is undone: v{verified.target} restored, and no version is blocked by it"
    else:
        done = f"v{verified.target} restored{blocked}"
    return RolledBack(
        rolled_back=True,
        champion_version=verified.target,
        from_version=verified.current,
        undone=verified.undoes,
        summary="; ".join([done, *begun.repairs]),
    )
