"""What is no longer needed, and its removal: refused challengers, old predictions and comparisons, baselines of no version.

Never removed: a version that carries an alias, was ever champion, is under review, or is younger than what is kept; the run of
any version with its card, scorecard and plots; predictions that a look at a probation rests on; snapshots, curated rows,
quarantine, status documents and the ledger. So what the ledger names as evidence stays, and every version that could be rolled
back to.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from include.adapters.registry import Version
from include.champion.handover import Author, Subject, handover
from include.decisions.gate.review import REVIEW_ASKED
from include.ledger.state import State
from include.services import StepContext

SHORTEST = timedelta(days=30)


@dataclass(frozen=True)
class Removal:
    """What would be removed: versions, and keys on the lake with their bytes; `kept` is why each other version stays."""

    versions: tuple[str, ...]
    objects: tuple[tuple[str, int], ...]
    kept: tuple[tuple[str, str], ...]

    @property
    def size(self) -> int:
        """Bytes of the objects on the lake."""
        return sum(size for _, size in self.objects)


def plan(context: StepContext, until: datetime) -> Removal:
    """What is no longer needed and was made before `until`; nothing is removed."""
    services, name = context.services, context.model.name
    aliases, _ = services.registry.overview(name)
    versions = services.registry.all_versions(name)
    state = services.ledger.state(name)
    reasons = {version.number: why_kept(version, aliases, state, until) for version in versions}
    removable = [version for version in versions if not reasons[version.number]]
    digests = {version.tags.get("train_digest", "") for version in versions if reasons[version.number]}
    named = {key for entry in services.ledger.entries(name) for key in entry.evidence.get("predictions", ())}
    objects = [stored for stored in services.lake.predictions_before(name, until) if stored[0] not in named]
    objects += services.lake.baselines_except(name, digests, until)
    objects += services.lake.trials_before(name, until)
    kept = tuple((number, why) for number, why in reasons.items() if why)
    return Removal(tuple(version.number for version in removable), tuple(objects), kept)


def why_kept(version: Version, aliases: dict[str, str], state: State, before: datetime) -> str | None:
    """Why a version stays; None when it is not needed."""
    carried = sorted(alias for alias, number in aliases.items() if number == version.number)
    on_probation = state.on_probation
    for reason, holds in (
        (f"it is {', '.join(carried)}", bool(carried)),
        ("it was champion, and can be rolled back to", version.number in state.were_champion),
        (
            "a champion on probation is compared with it",
            on_probation is not None and version.number in (on_probation.version, on_probation.against),
        ),
        ("a run is about to make it champion", state.moving is not None and version.number == state.moving.new),
        ("it is under review", REVIEW_ASKED in version.tags),
        ("it was not judged yet", "verdict" not in version.tags),
        ("it is young", version.created is None or version.created >= before),
    ):
        if holds:
            return reason
    return None


def carry_out(context: StepContext, planned: Removal, until: datetime) -> Removal:
    """Remove what was planned and is still not needed, under the model's lock; what was removed is in the ledger too."""
    request, services = context.request, context.services
    with handover(context, "prune") as begun:
        still = plan(context, until)
        versions = tuple(number for number in planned.versions if number in still.versions)
        objects = tuple(stored for stored in planned.objects if stored in still.objects)
        removal = Removal(versions, objects, still.kept)
        if versions or objects:
            # Logged before deleting: a crash over-reports, never under-reports.
            author = Author(request.asked_by, in_words(removal))
            begun.write("pruned", Subject(request.run_id, None), author, evidence={"versions": versions})
        for number in versions:
            begun.lock.renew()
            services.registry.remove_version(context.model.name, number)
        services.lake.remove(key for key, _ in objects)
    return removal


def in_words(removal: Removal) -> str:
    """One sentence."""
    named = f" ({', '.join(removal.versions[:20])}{', …' if len(removal.versions) > 20 else ''})" if removal.versions else ""
    return f"{len(removal.versions)} versions{named} and {len(removal.objects)} objects of {removal.size / 1e6:.1f} MB"
