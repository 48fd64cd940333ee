"""Earlier champions: versions that answered in production once, and may again where the world is as it was then."""

from datetime import datetime

from include.adapters.registry import Version
from include.champion.promoted_tags import as_promoted
from include.models.contract import Model
from include.services import Services


def earlier_champions(services: Services, model: Model, seen_nothing_from: datetime, at_most: int) -> list[Version]:
    """The newest of those that may be promoted again, newest first.

    They were trained before a time, under today's success criteria; they were not rolled back from, and MLflow still has them.
    One that a refreshed version took the place of is in that one.
    """
    state = services.ledger.state(model.name)
    usable: list[Version] = []
    refreshed: set[str] = set()
    for number in reversed(state.were_champion):
        if len(usable) == at_most:
            break
        if not services.registry.exists(model.name, number):
            continue
        version = as_promoted(services, services.registry.version(model.name, number))
        refreshed.add(version.tags.get("refreshes", ""))
        if number in {state.champion, *state.rolled_back, *refreshed}:
            continue
        if version.tags.get("criteria") == model.criteria_digest and version.trained_until <= seen_nothing_from:
            usable.append(version)
    return usable
