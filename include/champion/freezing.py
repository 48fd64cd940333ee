"""Freeze and unfreeze models. The freeze is begun first: it has to work in an incident. Then each ledger records it."""

from collections.abc import Sequence

from include.errors import ProvingGroundError
from include.holds import ALL_MODELS, FREEZE, Hold
from include.ledger.state import EventName, Fact
from include.services import Services
from include.untrusted_text import one_line


def freeze(services: Services, names: Sequence[str], hold: Hold) -> list[str]:
    """Begin a freeze of one model, or of all; the sentences name ledgers that could not record it."""
    services.holds.begin(ALL_MODELS if hold.everywhere else names[0], hold)
    return _record(services, names, "frozen", hold)


def unfreeze(services: Services, names: Sequence[str], hold: Hold) -> tuple[Hold | None, list[str]]:
    """End a freeze; `hold` says who ends it and why. What ended (None: nothing was frozen), and the same sentences."""
    ended = services.holds.end(ALL_MODELS if hold.everywhere else names[0], FREEZE, hold.by)
    return ended, _record(services, names, "unfrozen", hold) if ended else []


def _record(services: Services, names: Sequence[str], event: EventName, hold: Hold) -> list[str]:
    missing = []
    for name in names:
        try:
            champion = services.ledger.state(name).champion
            services.ledger.append(
                name,
                Fact(
                    event=event,
                    key=f"{event} {hold.since.isoformat()}",
                    as_of=hold.since,
                    by=one_line(hold.by, 200),
                    reason=one_line(hold.reason, 1000),
                    run_id=f"{event} {hold.since:%Y-%m-%dT%H:%M:%S}",
                    version=champion,
                    evidence={"until": hold.until.isoformat(), "all_models": hold.everywhere},
                ),
            )
        except ProvingGroundError as error:
            missing.append(f"the ledger of {name} does not have it: {error}")
    return missing
