"""What the models would do in use: their yes and no, how true their probabilities are, and how groups fare.

It decides nothing: people read it on the card before they say yes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from include.decisions.scoring.calibration import Bin, calibration_error, reliability
from include.decisions.scoring.fairness import Fairness, Judged, fairness
from include.decisions.scoring.operating_point import OperatingPoint, operating_point
from include.decisions.scoring.predictions import Ranking
from include.decisions.scoring.slices import Partition


@dataclass(frozen=True)
class InUse:
    """`operating` is of binary models alone; `calibration` and `calibration_error` are by role."""

    operating: OperatingPoint | None = None
    calibration: Mapping[str, tuple[Bin, ...]] = field(default_factory=dict)
    calibration_error: Mapping[str, float] = field(default_factory=dict)
    fairness: Fairness = field(default_factory=Fairness)


def in_use(judged: Judged, groups: Mapping[str, Partition]) -> InUse:
    """From what challenger and champion answered to the clean rows; `groups` are the rows' by declared column."""
    task, labels, predictions, clusters = judged.task, judged.labels, judged.predictions, judged.clusters
    errors = {role: calibration_error(task, labels, each) for role, each in predictions.items()}
    scores = {role: each for role, each in predictions.items() if not isinstance(each, Ranking)}
    return InUse(
        operating=operating_point(judged.criteria, labels, scores, clusters) if task == "binary" else None,
        calibration={role: reliability(task, labels, each, clusters) for role, each in predictions.items()},
        calibration_error={role: error for role, error in errors.items() if error is not None},
        fairness=fairness(judged, groups),
    )
