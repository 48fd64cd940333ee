"""Rehearse: could we go back to that version? Its file is loaded and asked, in a fresh process, before anything moves.

In: the form. Out: the target. Unless the form names one, it is the version that the champion replaced, as the ledger knows it;
nobody guesses. Only a version that was champion once can be gone back to: any other never passed the gate. What it is asked is
the example that was kept beside its artifact, so no training data are needed. Moves nothing; safe to run again.
"""

import hashlib

import numpy as np

from include.champion.handover import handover, promoted_digest, refuse_changed_artifact
from include.errors import ChampionMoved, DataError, NoSuchTarget, TrialFailed
from include.ledger.entries import State
from include.models.contract import Model
from include.request import Request
from include.results import Rehearsed
from include.services import Services
from include.untrusted_text import of_data

IF_IT_FAILS = "Nothing was rolled back; the champion is unchanged."


def run(services: Services, model: Model, request: Request) -> Rehearsed:
    """The version to go back to, tried out.

    Raises:
        DataError: no reason was given.
        NoSuchTarget: there is none, or the one that was named may not be gone back to; the message lists those that may.
        ChampionMoved: the champion is not the one that an event asked to go back from.
        ArtifactChanged: its file is not the one that was promoted.
        TrialFailed: its file cannot be loaded and asked.
    """
    if not request.reason_given:
        raise DataError(f"{model.name}.rollback was started without a reason. Trigger it again and say why: it is kept.")
    with handover(services, model, request, "rehearse") as begun:
        state = begun.state
    if request.instead_of and state.champion != request.instead_of:
        raise ChampionMoved(
            f"{model.name}: going back from version {request.instead_of[:50]} was asked for, and version "
            f"{state.champion or 'none'} is champion by now. Nothing has to be done; to go back from that one, run "
            f"{model.name}.rollback."
        )
    target = _target(model, request, state)
    if not services.registry.exists(model.name, target):
        raise NoSuchTarget(
            f"{model.name} version {target} is not in MLflow any more: somebody deleted it. {_accepted(model, request, state)}"
        )
    digest = services.registry.artifact_digest(model.name, target)
    promoted = promoted_digest(services, model, target) or digest
    refuse_changed_artifact(model, target, digest, promoted, "promoted", "name another target")
    rows, says = _ask(services, model, target)
    return Rehearsed(
        target=target,
        current=state.champion,
        artifact_digest=digest,
        sample=rows,
        summary=f"version {target} can replace version {state.champion or 'none'}: {says}",
    )


def _target(model: Model, request: Request, state: State) -> str:
    target = (request.target or state.previous or "").strip()
    if not target:
        raise NoSuchTarget(
            f"{model.name}: no champion before version {state.champion} is known, so there is nothing to go back to."
        )
    if target == state.champion:
        raise NoSuchTarget(f"{model.name}: version {target} is champion already. {_accepted(model, request, state)}")
    if target not in state.were_champion:
        raise NoSuchTarget(
            f"{model.name}: target {target[:50]!r} was never champion, so it never passed the gate. "
            f"{_accepted(model, request, state)}"
        )
    if target in state.rolled_back and not request.override:
        raise NoSuchTarget(
            f"{model.name}: version {target} was rolled back from. Tick override to bring it back all the same. "
            f"{_accepted(model, request, state)}"
        )
    return target


def _accepted(model: Model, request: Request, state: State) -> str:
    closed = {state.champion, *(() if request.override else state.rolled_back)}
    open_ = [version for version in state.were_champion if version not in closed]
    return f"Accepted are: {', '.join(open_) or 'none'}."


def _ask(services: Services, model: Model, target: str) -> tuple[str, str]:
    """Digest of the rows, and in words how it went."""
    rows = services.registry.example(model.name, target)
    tried = services.registry.try_out(model, target, rows)
    if not len(tried.answers) or not np.isfinite(tried.answers).all():
        raise TrialFailed(
            f"{model.name} version {target} answers {of_data(tried.answers.tolist()[:3])}: that is no prediction."
        )
    digest = hashlib.sha256(rows.to_json(orient="split").encode()).hexdigest()
    return digest, f"a fresh process loaded it in {tried.load_seconds:.1f} s and it answered {len(rows)} stored rows"
