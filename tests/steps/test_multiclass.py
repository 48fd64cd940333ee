"""A model of several classes goes through every step: ranked answers are kept, judged and measured."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.decisions.data.periods import count_periods
from include.models.contract import Augment, Candidate, Column, Criteria
from include.own_columns import PREDICTION, RANKED
from tests.steps.test_promote import verdict_on, yes
from tests.toy import MODEL, World, day

WORDS = ("red apple", "green apple", "blue plum", "red cherry")


def build(seed: int) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    letters = make_column_transformer((TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 2)), "words"))
    return make_pipeline(letters, LogisticRegression(random_state=seed))


SHOP = replace(
    MODEL,
    task="multiclass",
    label=Column("product", "category"),
    features=(Column("words", "text"),),
    criteria=Criteria("hit_rate_at_2", floor=0.5, noisy_floor=0.4, margin=0.02, min_rows=50),
    noise=replace(MODEL.noise, drop=("missing",)),
    candidates=(Candidate(build=build),),
)


def delivered(world: World, days: int) -> World:
    """Days of searches: each names its product, more or less."""
    for number in range(days):
        rng = np.random.default_rng(number)
        product = rng.integers(0, 4, 120)
        at = [day(number) + pd.Timedelta(minutes=turn) for turn in range(120)]
        rows = pd.DataFrame({"id": [f"{number}-{turn}" for turn in range(120)], "at": [moment.isoformat() for moment in at]})
        world.deliver("features", f"{number:02}", rows.assign(words=[WORDS[p] for p in product]))
        world.deliver("labels", f"{number:02}", rows.assign(product=[f"code {p}" for p in product]))
    world.take_in(day(days + 1))
    return world


@pytest.fixture
def shop() -> World:
    return delivered(World(model=SHOP), 8)


def test_it_is_trained_judged_promoted_scored_and_measured(shop: World) -> None:
    """From searches to a champion whose ranked answers are kept, read back, and measured on the next mature day."""
    _, _, verdict = shop.challenge(day(9))
    assert verdict.verdict == "promote", verdict.reasons
    shop.promote(day(9), verdict)
    delivered(shop, 10)
    scored = shop.scored(day(11))
    kept = shop.services.lake.read_table(scored.prediction_keys[-1])
    assert set(kept[PREDICTION]) <= {f"code {n}" for n in range(4)}
    assert len(kept[RANKED].iloc[0]) == 4
    quality = shop.do("measure_quality", day(11), scored=scored)
    assert quality.metric == "hit_rate_at_2"
    assert quality.value > 0.9


def test_augmentation_is_another_recipe_and_learns_from_noise(shop: World) -> None:
    """Twice the rows, half of them corrupted: the change lane judges it, and under typing slips it is the better one."""
    _, trained, _ = shop.challenge(day(9))
    assert trained.version is not None
    plain = shop.registry.pipelines[trained.version]
    shop.model = SHOP.with_candidate(augment=Augment(copies=2, severity=1.0, corruptions=("typo", "abbreviation")))
    _, again, _ = shop.challenge(day(9))
    assert again.version is not None
    assert again.version != trained.version
    tags = [shop.registry.versions[v].tags for v in (trained.version, again.version)]
    assert tags[0]["recipe"] != tags[1]["recipe"]
    noisy_rows = pd.DataFrame({"words": ["rd appl", "grn apl", "blue plm", "rd chrry"]})
    assert (shop.registry.pipelines[again.version].predict(noisy_rows) == [f"code {n}" for n in range(4)]).mean() >= (
        plain.predict(noisy_rows) == [f"code {n}" for n in range(4)]
    ).mean()


def test_periods_are_counted_by_labels_of_text(shop: World) -> None:
    """A class is a label like any other."""
    rows = shop.services.lake.rows(SHOP, day(0), day(8))
    assert {period.known for period in count_periods(rows, SHOP, day(9))} == {120}


def test_a_worse_version_is_found_on_ranked_answers(shop: World) -> None:
    """Probation pairs the rankings of two versions, also where they know different numbers of classes."""
    _, _, first = shop.challenge(day(9))
    shop.promote(day(9), first)
    words = pd.DataFrame({"words": list(WORDS[:3]) * 20})
    blind = build(1).fit(words, np.array([f"code {2 - n % 3}" for n in range(60)]))
    second = verdict_on(shop.registry.add(blind, dict(shop.registry.versions["1"].tags)).number, "1")
    shop.registry.annotate("toy", str(second.version), {"evidence": second.evidence})
    assert shop.do("promote", day(9), verdict=second, approval=yes(second)).promoted
    delivered(shop, 12)
    found = shop.do("probation", day(12), scored=shop.scored(day(12)))
    assert (found.decision, found.version, found.against) == ("worse", "2", "1")
    assert "hit_rate_at_2 -" in found.summary
