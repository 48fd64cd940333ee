"""What is no longer needed, and its removal: refused challengers, old predictions, references of versions that are gone.

Never removed: a version that carries an alias, was ever champion, is under review, or is younger than what is kept; the run of
any version with its card, scorecard and plots; predictions that a look at a probation rests on; snapshots, curated rows,
quarantine, status documents and the ledger. So what the ledger names as evidence stays, and every version that could be rolled
back to.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from include.adapters.registry import Version
from include.champion.handover import handover
from include.decisions.gate.review import REVIEW_ASKED
from include.ledger.entries import State
from include.models.contract import Model
from include.request import Request
from include.services import Services

SHORTEST = timedelta(days=30)


@dataclass(frozen=True)
class Removal:
    """What would go: versions, and keys on the lake with their bytes; `kept` says of each other version why it stays."""

    versions: tuple[str, ...]
    objects: tuple[tuple[str, int], ...]
    kept: tuple[tuple[str, str], ...]

    @property
    def size(self) -> int:
        """Bytes of the objects on the lake."""
        return sum(size for _, size in self.objects)


def plan(services: Services, model: Model, now: datetime, keep: timedelta) -> Removal:
    """What nobody needs any more, having been made more than `keep` ago; nothing is removed."""
    aliases, _ = services.registry.overview(model.name)
    versions = services.registry.all_versions(model.name)
    state = services.ledger.state(model.name)
    reasons = {version.number: why_kept(version, aliases, state, now - keep) for version in versions}
    gone = [version for version in versions if not reasons[version.number]]
    digests = {v.tags.get("train_digest", "") for v in versions if reasons[v.number]}
    named = {key for entry in services.ledger.entries(model.name) for key in entry.evidence.get("predictions", ())}
    objects = [found for found in services.lake.predictions_before(model.name, now - keep) if found[0] not in named]
    objects += services.lake.references_but(model.name, digests, now - keep)
    kept = tuple((number, why) for number, why in reasons.items() if why)
    return Removal(tuple(version.number for version in gone), tuple(objects), kept)


def why_kept(version: Version, aliases: dict[str, str], state: State, before: datetime) -> str:
    """Why a version stays; empty when nobody needs it."""
    carried = sorted(alias for alias, number in aliases.items() if number == version.number)
    tried = state.on_probation
    for reason, holds in (
        (f"it is {', '.join(carried)}", bool(carried)),
        ("it was champion, and can be rolled back to", version.number in state.were_champion),
        (
            "a champion on probation is compared with it",
            tried is not None and version.number in (tried.version, tried.against),
        ),
        ("a run is about to make it champion", state.moving is not None and version.number == state.moving.new),
        ("it is under review", REVIEW_ASKED in version.tags),
        ("nobody has judged it yet", "verdict" not in version.tags),
        ("it is young", version.created is None or version.created >= before),
    ):
        if holds:
            return reason
    return ""


def carry_out(services: Services, model: Model, request: Request, planned: Removal, now: datetime, keep: timedelta) -> Removal:
    """Remove what was planned and is still not needed, under the model's lock; what was removed, which the ledger says too."""
    with handover(services, model, request, "prune") as begun:
        still = plan(services, model, now, keep)
        versions = tuple(number for number in planned.versions if number in still.versions)
        objects = tuple(entry for entry in planned.objects if entry in still.objects)
        done = Removal(versions, objects, still.kept)
        if versions or objects:
            # Before anything goes: whoever is killed on the way has told more than he did, never less.
            begun.write("pruned", request.run_id, request.asked_by, in_words(done), None, evidence={"versions": versions})
        for number in versions:
            begun.lock.renew()
            services.registry.remove_version(model.name, number)
        services.lake.remove(key for key, _ in objects)
    return done


def in_words(done: Removal) -> str:
    """One sentence."""
    named = f" ({', '.join(done.versions[:20])}{', …' if len(done.versions) > 20 else ''})" if done.versions else ""
    return f"{len(done.versions)} versions{named} and {len(done.objects)} objects of {done.size / 1e6:.1f} MB"
