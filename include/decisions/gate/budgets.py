"""Budgets: what answering costs, and how far the answers may be off on average."""

from dataclasses import dataclass

from include.figures import figure
from include.models.contract import Criteria

# The costs that a version carries as tags.
COSTS = ("latency_ms", "size_mb", "memory_mb")


@dataclass(frozen=True)
class Cost:
    """What the logged artifact needed in a fresh process; None where it was not measured.

    `latency_ms` is the 95th percentile of answering one row; `size_mb` is the file's, `memory_mb` the process's peak
    (10**6 bytes).
    """

    load_seconds: float | None = None
    latency_ms: float | None = None
    size_mb: float | None = None
    memory_mb: float | None = None
    calibration_error: float | None = None

    @property
    def tags(self) -> dict[str, str]:
        """What a version carries of it, to be compared with later."""
        measured = {name: getattr(self, name) for name in COSTS}
        return {name: figure(value, 4) for name, value in measured.items() if value is not None}


def over_budget(cost: Cost, criteria: Criteria) -> list[str]:
    """Each budget that is exceeded, in words."""
    return [
        f"{what} is {figure(spent)} {unit}".rstrip() + f", the success criteria allow {figure(allowed)}"
        for _, what, spent, allowed, unit in _budgets(cost, criteria)
        if spent is not None and spent > allowed
    ]


def asks_for_budgets(criteria: Criteria) -> bool:
    """Whether the criteria set any budget."""
    return bool(_budgets(Cost(), criteria))


def unmeasured(cost: Cost, criteria: Criteria) -> list[str]:
    """Each budget that is asked for and could not be measured: such a check blocks."""
    return [f"{name} is asked for and was not measured" for name, _, spent, *_ in _budgets(cost, criteria) if spent is None]


def _budgets(cost: Cost, criteria: Criteria) -> list[tuple[str, str, float | None, float, str]]:
    """Name, meaning, what was spent, what is allowed and its unit, of each budget that the criteria set."""
    budgets = (
        ("max_latency_ms", "the 95th percentile of one answer", cost.latency_ms, criteria.max_latency_ms, "ms"),
        ("max_size_mb", "the artifact", cost.size_mb, criteria.max_size_mb, "MB"),
        ("max_memory_mb", "the memory of a process that serves it", cost.memory_mb, criteria.max_memory_mb, "MB"),
        ("max_calibration_error", "the calibration error", cost.calibration_error, criteria.max_calibration_error, ""),
    )
    return [(name, what, spent, allowed, unit) for name, what, spent, allowed, unit in budgets if allowed is not None]
