"""Verify target: can we go back to that version? Its artifact is loaded and queried in a fresh process; nothing moves.

In: the form. Out: the target. Unless the form names one, it is the version that the champion replaced, as recorded in the
ledger; it is never guessed. Only a version that was champion once is accepted: any other never passed the gate. It is queried
with the example that was kept beside its artifact, so no training data are needed. Where the form says undo, it is the version
that the newest rollback went back from. Moves nothing; safe to run again.
"""

import hashlib

import numpy as np

from include.champion.handover import ExpectedArtifact, handover, promoted_digest, refuse_changed_artifact
from include.errors import ChampionMoved, DataError, NoSuchTarget, TrialFailed
from include.ledger.state import TAKES_OFFICE, State
from include.models.contract import Model
from include.request import Request
from include.results import VerifiedTarget
from include.services import StepContext
from include.untrusted_text import of_data

IF_IT_FAILS = "Nothing was rolled back; the champion is unchanged."


def run(context: StepContext) -> VerifiedTarget:
    """The version to go back to, tried out.

    Raises:
        DataError: no reason was given.
        NoSuchTarget: there is none, or the one that was named is not accepted; the message lists those that are.
        ChampionMoved: the champion is not the one that an event asked to go back from.
        ArtifactChanged: its file is not the one that was promoted.
        TrialFailed: its file cannot be loaded and queried.
    """
    services, model, request = context.services, context.model, context.request
    if not request.reason_given:
        raise DataError(f"{model.name}.rollback was started without a reason. Trigger it again with one: it is kept.")
    with handover(context, "verify_target") as begun:
        state = begun.state
    if request.instead_of and state.champion != request.instead_of:
        raise ChampionMoved(
            f"{model.name}: a rollback from version {request.instead_of[:50]} was requested, and version "
            f"{state.champion or 'none'} is champion by now. No action needed; to go back from that one, run "
            f"{model.name}.rollback."
        )
    target = _undone(context, state) if request.undo else _target(model, request, state)
    if not services.registry.exists(model.name, target):
        raise NoSuchTarget(
            f"{model.name} version {target} is not in MLflow any more: it was deleted. {_accepted(request, state)}"
        )
    digest = services.registry.artifact_digest(model.name, target)
    promoted = promoted_digest(services, model, target) or digest
    refuse_changed_artifact(model, digest, ExpectedArtifact(target, promoted, "promoted", "name another target"))
    sample, outcome = _query(context, target)
    return VerifiedTarget(
        target=target,
        current=state.champion,
        artifact_digest=digest,
        sample=sample,
        undoes=request.undo,
        summary=f"version {target} can replace version {state.champion or 'none'}: {outcome}",
    )


def _target(model: Model, request: Request, state: State) -> str:
    target = (request.target or state.previous or "").strip()
    if not target:
        raise NoSuchTarget(
            f"{model.name}: no champion before version {state.champion} is known, so there is nothing to go back to."
        )
    if target == state.champion:
        raise NoSuchTarget(f"{model.name}: version {target} is champion already. {_accepted(request, state)}")
    if target not in state.were_champion:
        raise NoSuchTarget(
            f"{model.name}: target {target[:50]!r} was never champion, so it never passed the gate. "
            f"{_accepted(request, state)}"
        )
    if target in state.rolled_back and not request.override:
        raise NoSuchTarget(
            f"{model.name}: version {target} was rolled back from. Tick override to bring it back anyway. "
            f"{_accepted(request, state)}"
        )
    return target


def _undone(context: StepContext, state: State) -> str:
    """The version that the champion took the place of by a rollback, as long as nothing has happened to the champion since."""
    model, request, champion = context.model, context.request, state.champion
    if request.target:
        raise DataError(
            f"{model.name}.rollback was started with undo and target={request.target[:50]!r}. To undo the newest rollback "
            "leave the target empty; to go to that version, do not tick undo."
        )
    took_office = context.services.ledger.newest_about(model.name, TAKES_OFFICE, champion) if champion else None
    if took_office is None or took_office.event != "rolled_back" or not took_office.before:
        how = took_office.event.replace("_", " ") if took_office else "never recorded"
        raise NoSuchTarget(
            f"{model.name}: there is no rollback to undo: version {champion or 'none'} is champion, and that was {how}. "
            f"{_accepted(request, state)}"
        )
    return took_office.before


def _accepted(request: Request, state: State) -> str:
    closed = {state.champion, *(() if request.override else state.rolled_back)}
    open_ = [version for version in state.were_champion if version not in closed]
    return f"Accepted are: {', '.join(open_) or 'none'}."


def _query(context: StepContext, target: str) -> tuple[str, str]:
    """Digest of the rows that were asked, and a sentence on how it went."""
    registry, model = context.services.registry, context.model
    rows = registry.example(model.name, target)
    tried = registry.try_out(model, target, rows)
    if not len(tried.answers) or not np.isfinite(tried.answers).all():
        raise TrialFailed(
            f"{model.name} version {target} answers {of_data(tried.answers.tolist()[:3])}: that is no prediction."
        )
    digest = hashlib.sha256(rows.to_json(orient="split").encode()).hexdigest()
    return digest, f"a fresh process loaded it in {tried.load_seconds:.1f} s and it answered {len(rows)} stored rows"
