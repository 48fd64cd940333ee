"""Is a recipe repeatable: does it give the same answers when it is fitted twice on the same rows with the same seed?"""

import logging

import pandas as pd

from include.decisions.data.labels import labels_of
from include.decisions.scoring.answering import predict
from include.decisions.scoring.predictions import same
from include.models.contract import Candidate, Model
from include.untrusted_text import words_of

_FITTED_ROWS, _ASKED_ROWS = 2_000, 200
# Libraries that add in threads give sums in another order.
_TOLERANCE = 1e-6
_log = logging.getLogger(__name__)


def repeats(model: Model, candidate: Candidate, rows: pd.DataFrame) -> bool | None:
    """Whether two fits on the same sample of labelled rows answer the same; None where so few rows cannot be fitted."""
    sample = rows.sample(min(len(rows), _FITTED_ROWS), random_state=model.seed).sort_index().reset_index(drop=True)
    features, labels = sample[model.feature_names], labels_of(model, sample)
    try:
        one, other = (predict(model, candidate.pipeline().fit(features, labels), features.head(_ASKED_ROWS)) for _ in range(2))
    except Exception as error:  # noqa: BLE001 - a team's own code, on fewer rows than it is made for
        _log.info("whether %s is repeatable is not known: %s: %s", candidate.name, type(error).__name__, words_of(error))
        return None
    return same(one, other, _TOLERANCE)
