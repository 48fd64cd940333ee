"""Promote: make the challenger the champion, if it is the one that was validated and the champion is still the one it beat.

In: verdict and approval. Out: who is champion now. Under the model's lock: the champion is read again and compared with the
one in the verdict, the approval with the evidence, the artifact with its digest; then an intent is written, the aliases move
(`previous` first, `champion` next: there is always one) and the outcome is written. A refusal is written too. While the model
is frozen nothing moves; cleared afterwards, the task promotes what still holds.
Safe to run again: what was done is found in the ledger; a run killed half-way is completed or undone, and its log says which.
"""

from include.adapters.registry import EVIDENCE
from include.champion.handover import Author, ExpectedArtifact, Handover, Subject, handover, refuse_changed_artifact
from include.errors import ChampionMoved
from include.results import SHORT, Approval, Promotion, Verdict
from include.services import StepContext

IF_IT_FAILS = "There is a champion: the old one, or the new one if its alias had moved. Clearing the task completes the rest."
STATE_AFTER = {
    "ArtifactChanged": "Nothing was promoted; the champion is unchanged.",
    "ChampionMoved": "Nothing was promoted; the champion is the one that the message names.",
    "Locked": "Nothing was promoted; another run is changing the champion.",
}
_FREEZE = "the freeze"


def run(context: StepContext, verdict: Verdict, approval: Approval) -> Promotion:
    """Move the aliases, or explain why not.

    Raises:
        ArtifactChanged: the artifact is not the one that was validated.
        ChampionMoved: the champion is not the one that the challenger was compared with, or the verdict is not the newest.
        Locked: another run is changing this model's champion.
    """
    services, model = context.services, context.model
    with handover(context, "promote") as begun:
        if verdict.version is None:
            # The champion may carry the alias challenger, where a promotion was killed before its last move.
            begun.mirror()
            return _not_promoted(begun)
        if refused := _refusal(verdict, approval) or _unknown_approval(begun, verdict, approval):
            return _refuse(begun, verdict, approval, refused)
        if _is_done(begun, verdict):
            begun.mirror()
            return _promoted(begun, verdict)
        digest = services.registry.artifact_digest(model.name, verdict.version)
        expected = ExpectedArtifact(verdict.version, verdict.artifact_digest, "validated", "train and validate again")
        refuse_changed_artifact(model, digest, expected)
        _refuse_moved_champion(begun, verdict)
        _refuse_older_judgement(context, verdict)
        if frozen := services.holds.frozen(model.name):
            return _postponed(begun, verdict, frozen.in_words())
        evidence = verdict.named_evidence() | ({"overridden": verdict.verdict} if approval.override else {})
        author = Author(approval.by, approval.why or verdict.reasons[0])
        begun.move("promoting", Subject(verdict.evidence, verdict.version), author, evidence)
        return _promoted(begun, verdict)


def _refusal(verdict: Verdict, approval: Approval) -> str | None:
    """Why this may not be promoted, whatever the registry holds; None when it may."""
    if verdict.verdict in ("keep", "blocked"):
        return verdict.summary or verdict.verdict
    if not approval.approved:
        return approval.summary or f"not approved: {approval.why or verdict.verdict}"
    if approval.evidence != verdict.evidence:
        return (
            f"the approval by {approval.by} is void: it was given for the evidence "
            f"{approval.evidence[:SHORT] or 'of nothing'}, this is {verdict.evidence[:SHORT]}"
        )
    if verdict.verdict == "inconclusive" and not (approval.override and verdict.champion_version):
        return f"{verdict.summary or verdict.verdict}; this cannot be overridden here"
    return None


def _unknown_approval(begun: Handover, verdict: Verdict, approval: Approval) -> str | None:
    """That the ledger does not hold the person's approval that is needed; None where it does, or none is needed."""
    services, model = begun.services, begun.model
    if verdict.verdict == "promote" and services.settings.review.get(model.name, model.review.where) == "none":
        return None
    known = services.ledger.newest_of(model.name, "approved", verdict.evidence)
    if known and known.by == approval.by:
        return None
    return f"the ledger holds no approval by {approval.by} of the evidence {verdict.evidence[:SHORT]}: clear the task review"


def _is_done(begun: Handover, verdict: Verdict) -> bool:
    """Whether an earlier try of this very promotion got through, and nothing but its refreshing has happened since."""
    champion, ledger, name = begun.state.champion, begun.services.ledger, begun.model.name
    # The ledger is only asked where it can say yes: it is read entry by entry.
    if champion is None or verdict.version not in begun.state.were_champion:
        return False
    if champion != verdict.version:
        newest = ledger.newest_about(name, "promoted", champion)
        if newest is None or newest.evidence.get("refreshes") != verdict.version:
            return False
    return bool(ledger.newest_of(name, "promoted", verdict.evidence))


def _refuse_moved_champion(begun: Handover, verdict: Verdict) -> None:
    name, now = begun.model.name, begun.state.champion
    if verdict.version in begun.state.rolled_back:
        raise ChampionMoved(
            f"{name}: version {verdict.version} was rolled back from, and is blocked from promotion. To train again on "
            f"the same data, run {name}.retrain with force; to bring this version back, run {name}.rollback with override."
        )
    if now == verdict.version:
        raise ChampionMoved(f"{name}: version {now} is champion already, and not by this verdict. No action needed.")
    if verdict.version in begun.state.were_champion and not verdict.returns:
        raise ChampionMoved(
            f"{name}: version {verdict.version} was champion before, and version {now or 'none'} is in its place. It is not "
            f"promoted again: to train anew on the same data, run {name}.retrain with force."
        )
    if now is None and verdict.champion_version:
        raise ChampionMoved(
            f"{name}: there is no champion, version {verdict.version} was compared with {verdict.champion_version}. The "
            f"alias or the version was removed: run {name}.rollback, which brings back the last one, or set the alias by hand."
        )
    if now != verdict.champion_version:
        raise ChampionMoved(
            f"{name}: the champion is version {now}, version {verdict.version} was compared with "
            f"{verdict.champion_version or 'none'}. The verdict is void: run {name}.retrain again."
        )


def _refuse_older_judgement(context: StepContext, verdict: Verdict) -> None:
    services, model = context.services, context.model
    newest = services.registry.version(model.name, str(verdict.version)).tags.get(EVIDENCE, verdict.evidence)
    if newest != verdict.evidence:
        raise ChampionMoved(
            f"{model.name}: version {verdict.version} was judged again since: the newest evidence is {newest[:SHORT]}, this "
            f"verdict's is {verdict.evidence[:SHORT]}. The verdict is void: see the run that judged it last, or run "
            f"{model.name}.retrain again."
        )


def _promoted(begun: Handover, verdict: Verdict) -> Promotion:
    return Promotion(
        promoted=True,
        champion_version=verdict.version,
        previous_version=verdict.champion_version,
        summary=f"version {verdict.version} is champion"
        + (f", {verdict.champion_version} is previous" if verdict.champion_version else "")
        + _repairs(begun),
    )


def _refuse(begun: Handover, verdict: Verdict, approval: Approval, why: str) -> Promotion:
    assert verdict.version is not None
    if verdict.version not in begun.state.were_champion:
        # A run that is cleared after it has promoted has nothing to add.
        key = f"{verdict.evidence} {approval.by}"
        about, author = Subject(key, verdict.version), Author(approval.by, why)
        begun.write("refused", about, author, evidence=verdict.named_evidence())
    begun.mirror()
    begun.drop_challenger(verdict.version)
    return _not_promoted(begun)


def _postponed(begun: Handover, verdict: Verdict, frozen: str) -> Promotion:
    about = Subject(f"{verdict.evidence} {frozen}"[:500], verdict.version)
    begun.write("postponed", about, Author(_FREEZE, frozen), evidence={"verdict": verdict.verdict})
    begun.mirror()
    kept = _not_promoted(begun)
    what = f"version {verdict.version} may be promoted afterwards: clear the task promote once the freeze has ended"
    return kept.model_copy(update={"frozen": frozen, "summary": f"{kept.summary}; {frozen}; {what}"})


def _not_promoted(begun: Handover) -> Promotion:
    champion = begun.state.champion
    return Promotion(
        promoted=False,
        champion_version=champion,
        previous_version=None,
        summary=(f"version {champion} stays champion" if champion else "there is still no champion") + _repairs(begun),
    )


def _repairs(begun: Handover) -> str:
    return "".join(f"; {repair}" for repair in begun.repairs)
