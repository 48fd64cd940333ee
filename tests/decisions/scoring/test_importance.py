"""What a feature is worth is measured on shuffled values, paired and with the rows' clusters."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.importance import AskedRows, Importance, agreement, sampled, side_by_side
from include.decisions.scoring.metrics import metrics_of
from include.decisions.scoring.predictions import best_classes
from include.decisions.scoring.scorecard import Measured
from include.models.contract import Criteria, Task

CRITERIA = Criteria(metric="rmse", floor=1, noisy_floor=1, margin=0.1)
NUMBERS = ("strong", "weak", "idle")


def world(rows: int, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    """A label that follows from a strong and a weak feature, and not from the third."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=list(NUMBERS))
    return frame, (2 * frame["strong"] + 0.2 * frame["weak"] + rng.normal(size=rows)).to_numpy()


def answer(frame: pd.DataFrame) -> np.ndarray:
    return np.asarray(2 * frame["strong"] + 0.2 * frame["weak"])


def lost(frame: pd.DataFrame, labels: np.ndarray, clusters: Clusters, seed: int = 1) -> dict[str, Measured]:
    asked = AskedRows(frame, labels, clusters, seed)
    shuffles = {name: answer(asked.shuffled(name)) for name in NUMBERS}
    return asked.losses(metrics_of("regression", CRITERIA)["rmse"], answer(frame), shuffles)


def test_the_strong_feature_comes_first_and_the_idle_one_earns_nothing() -> None:
    """The weak one is worth something, little as it is: it is not named."""
    frame, labels = world(4000)
    each = side_by_side(lost(frame, labels, Clusters.independent(4000)), {})
    assert [one.feature for one in each] == list(NUMBERS)
    assert [one.earns_nothing(0.02) for one in each] == [False, False, True]
    assert each[2].challenger is not None
    assert (each[2].challenger.low, each[2].challenger.high) == (0.0, 0.0)


def test_the_interval_holds_the_truth_at_least_as_often_as_it_says() -> None:
    """Simulated hold-outs: the squared error of a model 2x rises by twice 2² when x is shuffled."""
    squared, held = metrics_of("binary", CRITERIA)["brier"], 0
    for seed in range(300):
        frame, labels = world(400, seed)
        asked = AskedRows(frame, labels, Clusters.independent(400), seed)
        loss = asked.losses(squared, answer(frame), {"strong": answer(asked.shuffled("strong"))})["strong"]
        held += loss.low <= 8 <= loss.high
    assert 0.94 < held / 300 < 1


def test_rows_of_one_cluster_are_no_independent_evidence() -> None:
    """A feature that is worth something on some days only is known less well than its rows would say."""
    frame, labels = world(2000)
    days = np.repeat(np.arange(20), 100)
    helped = np.where(days % 2 == 0, labels, labels - 4 * frame["strong"].to_numpy())
    alone = lost(frame, helped, Clusters.independent(2000))["strong"]
    together = lost(frame, helped, Clusters.of(days, "days"))["strong"]
    assert alone.value == together.value
    assert together.error > 2 * alone.error


@given(st.integers(1, 2_000_000), st.integers(1, 500), st.integers(0, 2**32))
def test_the_cost_is_bounded(rows: int, features: int, seed: int) -> None:
    """All features together: the rows of four conditions, or a thousand rows each; never more than there are."""
    chosen = sampled(rows, features, seed)
    assert len(chosen) == len(set(chosen.tolist())) <= rows
    assert len(chosen) == min(rows, 1000) or len(chosen) * features <= 4 * rows
    assert (chosen == sampled(rows, features, seed)).all()
    assert (np.diff(chosen) > 0).all()


@given(st.integers(1, 60), st.integers(0, 2**32))
def test_shuffling_moves_the_values_of_one_feature_and_nothing_else(rows: int, seed: int) -> None:
    """The same values of the same type, in another order; the same order for every model that is asked."""
    rng = np.random.default_rng(rows)
    text = pd.Series(rng.choice(["a", "b"], rows)).astype("str").mask(rng.random(rows) < 0.3)
    frame = pd.DataFrame({"text": text, "number": rng.normal(size=rows)}).set_axis(range(7, rows + 7))
    asked = AskedRows(frame, np.zeros(rows), Clusters.independent(rows), seed)
    for name in ("text", "number"):
        made = asked.shuffled(name)
        assert made[name].dtype == frame[name].dtype
        assert made[name].value_counts(dropna=False).to_dict() == frame[name].value_counts(dropna=False).to_dict()
        pd.testing.assert_frame_equal(made.drop(columns=name), frame.drop(columns=name))
        pd.testing.assert_frame_equal(made, asked.shuffled(name))


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_two_models_that_agreed_on_every_row_are_not_certain_to_agree_on_the_next(task: Task) -> None:
    """Of a share: an error of 0 would name features that a few rows cannot tell about."""
    name = "accuracy" if task == "multiclass" else "precision"
    labels = np.array(["a", "b"] * 20, dtype=object) if task == "multiclass" else np.array([0.0, 1.0] * 20)
    exact = np.where(np.arange(40) % 2 == 0, 0.2, 0.8)
    clean = best_classes(np.stack([1 - exact, exact], axis=1), np.array(["a", "b"])) if task == "multiclass" else exact
    metric = metrics_of(task, CRITERIA)[name]
    asked = AskedRows(pd.DataFrame({"idle": exact}), labels, Clusters.independent(40), 1)
    loss = asked.losses(metric, clean, {"idle": clean})["idle"]
    assert loss.value == 0
    assert 0.03 < loss.high < 0.15


def test_a_feature_that_only_one_model_takes_stands_beside_nothing() -> None:
    """It is shown; only what the challenger takes can earn it nothing."""
    new, gone, both = Measured(0.1, 0.01), Measured(0.2, 0.01), Measured(0.3, 0.01)
    each = side_by_side({"new": new, "both": both}, {"gone": gone, "both": both})
    assert each == [Importance("both", both, both), Importance("new", new, None), Importance("gone", None, gone)]
    assert not each[2].earns_nothing(1.0)


def test_a_metric_without_a_value_gives_none() -> None:
    """One class alone has no area under a curve."""
    metric = metrics_of("binary", CRITERIA)["roc_auc"]
    asked = AskedRows(pd.DataFrame({"x": np.arange(10)}), np.ones(10), Clusters.independent(10), 1)
    assert asked.losses(metric, np.linspace(0, 1, 10), {"x": np.zeros(10)}) == {}


def test_whether_two_models_rely_on_the_same_features() -> None:
    """The same order is 1, the opposite one -1; the feature that moved most is named with both places."""

    def ranked(*worth: tuple[float, float]) -> list[Importance]:
        return [Importance(f"f{at}", Measured(now, 0.1), Measured(before, 0.1)) for at, (before, now) in enumerate(worth)]

    same = agreement(ranked((0.3, 0.4), (0.2, 0.3), (0.1, 0.1)))
    assert same is not None
    assert same.correlation == pytest.approx(1.0)
    turned = agreement(ranked((0.3, 0.1), (0.2, 0.2), (0.1, 0.3)))
    assert turned is not None
    assert turned.correlation == pytest.approx(-1.0)
    assert (turned.moved, turned.before, turned.now) == ("f0", 1, 3)
    assert agreement([*ranked((0.3, 0.1), (0.2, 0.2)), Importance("only here", Measured(1.0, 0.1))]) is None
