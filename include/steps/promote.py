"""Promote: make the challenger the champion, if it is the one that was validated and the champion is still the one it beat.

In: verdict and approval. Out: who is champion now. Checks the artifact's digest again, then moves the aliases in an order that
never leaves a moment without a champion: `previous` first, `champion` next, `challenger` goes last. The first promotion also
freezes the reference (`anchor`) below which no later challenger may walk.
Safe to run again: every move sets what it finds missing, so a run killed half-way is completed by the next one.
"""

from include.adapters.registry import ANCHOR, CHALLENGER, CHAMPION, PREVIOUS, WAS_CHAMPION
from include.errors import ArtifactChanged, ChampionMoved
from include.models.contract import Model
from include.references import Approval, Promotion, Verdict
from include.run import Request
from include.services import Services

IF_IT_FAILS = "There is a champion: the old one, or the new one if its alias had moved. Clearing the task completes the rest."


def run(services: Services, model: Model, request: Request, verdict: Verdict, approval: Approval) -> Promotion:
    """Move the aliases, or say why not.

    Raises:
        ArtifactChanged: the artifact is not the one that was validated.
        ChampionMoved: the champion is not the one that the challenger was compared with.
    """
    if not approval.approved or verdict.verdict != "promote" or verdict.version is None:
        return _unchanged(services, model, verdict)
    _refuse_changed_artifact(services, model, verdict)
    # Last before the move: whatever a person did meanwhile is seen.
    _refuse_moved_champion(services, model, verdict)
    if verdict.champion_version:
        services.registry.set_alias(model.name, PREVIOUS, verdict.champion_version)
    services.registry.set_alias(model.name, CHAMPION, verdict.version)
    services.registry.annotate(model.name, verdict.version, {WAS_CHAMPION: "true"})
    if services.registry.aliased(model.name, ANCHOR) is None:
        # Challengers to come may not walk away from it in small steps; a person may freeze another.
        services.registry.set_alias(model.name, ANCHOR, verdict.champion_version or verdict.version)
    _drop_challenger(services, model, verdict.version)
    return Promotion(
        promoted=True,
        champion_version=verdict.version,
        previous_version=verdict.champion_version,
        says=f"version {verdict.version} is champion"
        + (f", {verdict.champion_version} is previous" if verdict.champion_version else ""),
    )


def _refuse_moved_champion(services: Services, model: Model, verdict: Verdict) -> None:
    now = services.registry.champion(model.name)
    # Finding the challenger there already means that an earlier try of this very promotion got that far.
    if now is not None and now.number not in (verdict.champion_version, verdict.version):
        raise ChampionMoved(
            f"{model.name}: the champion is version {now.number}, version {verdict.version} was compared with "
            f"{verdict.champion_version or 'none'}. The verdict is void: run {model.name}.retrain again."
        )
    if now is not None and now.number != verdict.version and _was_champion(services, model, verdict):
        raise ChampionMoved(
            f"{model.name}: version {verdict.version} was champion before, and somebody put version {now.number} in its "
            f"place. It is not promoted again: to train anew on the same data, run {model.name}.retrain with force."
        )
    if now is None and verdict.champion_version:
        raise ChampionMoved(
            f"{model.name}: nobody is champion, version {verdict.version} was compared with {verdict.champion_version}. "
            "Somebody removed the alias or the version: set the alias by hand to the version that is in production."
        )


def _was_champion(services: Services, model: Model, verdict: Verdict) -> bool:
    return WAS_CHAMPION in services.registry.version(model.name, str(verdict.version)).tags


def _refuse_changed_artifact(services: Services, model: Model, verdict: Verdict) -> None:
    found = services.registry.artifact_digest(model.name, str(verdict.version))
    if found != verdict.artifact_digest:
        raise ArtifactChanged(
            f"{model.name} version {verdict.version}: the artifact has digest {found[:16]}, validated was "
            f"{str(verdict.artifact_digest)[:16]}. Somebody replaced it: train and validate again."
        )


def _drop_challenger(services: Services, model: Model, number: str) -> None:
    challenger = services.registry.aliased(model.name, CHALLENGER)
    if challenger and challenger.number == number:
        services.registry.drop_alias(model.name, CHALLENGER)


def _unchanged(services: Services, model: Model, verdict: Verdict) -> Promotion:
    champion = verdict.champion_version
    # The champion itself, where a promotion was killed before its last move and a new run found nothing left to judge.
    judged = verdict.version or champion
    if judged:
        _drop_challenger(services, model, judged)
    return Promotion(
        promoted=False,
        champion_version=champion,
        previous_version=None,
        says=f"version {champion} stays champion" if champion else "there is still no champion",
    )
