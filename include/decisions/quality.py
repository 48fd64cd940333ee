"""Has the champion got worse than it was when it proved itself?"""

import math

from include.decisions.metrics import Metric
from include.decisions.scorecard import Z95, Measured


def has_decayed(metric: Metric, now: Measured, reference: Measured, share: float) -> bool:
    """Whether the metric is significantly (one-sided 95 %) and by more than `share` of the reference worse than it was.

    >>> from include.decisions.metrics import Metric, roc_auc
    >>> auc = Metric("roc_auc", True, roc_auc)
    >>> has_decayed(auc, Measured(0.66, 0.007), Measured(0.72, 0.005), 0.05)
    True
    >>> has_decayed(auc, Measured(0.66, 0.050), Measured(0.72, 0.005), 0.05)
    False
    """
    loss = -metric.gain(now.value - reference.value)
    return loss > share * abs(reference.value) and loss > Z95 * math.hypot(now.error, reference.error)
