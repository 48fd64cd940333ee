"""The noise that models are compared under: its severities are those of the newest periods in production."""

from include.decisions.scoring.conditions import RECENT_PROFILES, measured_suite
from include.noise.suite import NoiseSuite
from include.services import StepContext


def production_suite(context: StepContext) -> tuple[NoiseSuite, tuple[str, ...]]:
    """The suite as of the run, and in words what was measured of it: the same for every candidate and the hold-out."""
    model, lake = context.model, context.services.lake
    kept = lake.profiles(model.name, context.request.as_of, RECENT_PROFILES)
    return measured_suite(model, [period.profile for period in kept])
