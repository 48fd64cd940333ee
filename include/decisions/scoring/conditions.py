"""The conditions that rows are scored under: clean, and under each kind of noise, with the same bytes for every model."""

from collections.abc import Sequence

import pandas as pd

from include.decisions.scoring.scorecard import CLEAN
from include.models.contract import Model
from include.noise.profile import NoiseProfile, typical
from include.noise.suite import NoiseSuite, suite_for
from include.row_digests import contents

# Of so many newest periods the noise counts.
RECENT_PROFILES = 8


def measured_suite(model: Model, profiles: Sequence[NoiseProfile]) -> tuple[NoiseSuite, tuple[str, ...]]:
    """The suite, with its severities from what was measured in production in recent periods, and that in words.

    `profiles` are those of periods in order; the newest `RECENT_PROFILES` count.
    """
    profile = typical(profiles[-RECENT_PROFILES:]) if profiles else None
    return suite_for(model, profile), tuple(profile.in_words()) if profile else ()


def drawn_by(model: Model, rows: pd.DataFrame) -> str:
    """What the draw of noise for some rows follows from: their keys, times and features.

    No name of a file and no time of delivery is in it, so that the same history gets the same noise wherever it is played.
    """
    return contents(rows, list(dict.fromkeys([*model.feed.key, model.feed.time, *model.feature_names])))


def frames_of(model: Model, rows: pd.DataFrame, suite: NoiseSuite, purpose: str = "") -> dict[str, pd.DataFrame]:
    """The features of some rows under every condition of a suite: the same rows for the same purpose get the same noise."""
    clean = rows[model.feature_names]
    material = f"{drawn_by(model, rows)}:{purpose}:{suite.digest()}:{model.seed}"
    return {CLEAN: clean} | {condition: suite.apply(clean, condition, material) for condition in suite.conditions}
