"""Score keeps what the champion said, once per version and set of rows, about periods that it was not trained on."""

import pytest

from include.errors import DataError
from tests.toy import World, changed, day, rows


def test_without_a_champion_nothing_is_scored(world: World) -> None:
    """The first run of a model is green and says why."""
    scored = world.with_days(1).scored(day(1))
    assert scored.champion is None
    assert scored.prediction_keys == ()
    assert "no champion yet" in scored.says


def test_the_newest_periods_are_scored_but_none_that_the_champion_was_trained_on(seasoned: World) -> None:
    """The champion knows days 0 to 5; as of day 8 it scores 6 and 7."""
    scored = seasoned.scored(day(8))
    assert scored.period == day(7)
    assert [key.split("/")[2][:10] for key in scored.prediction_keys] == ["2024-01-07", "2024-01-08"]
    table = seasoned.services.lake.read_table(scored.prediction_keys[-1])
    assert table.columns.tolist() == ["id", "at", "prediction", "version", "scored_as_of"]
    assert (len(table), set(table["version"])) == (60, {"1"})
    assert table["prediction"].between(0, 1).all()


def test_scoring_twice_changes_nothing(seasoned: World) -> None:
    """The second run finds the first one's predictions, also when it plays at a later time."""
    first = seasoned.scored(day(8))
    before = dict(seasoned.lake.objects)
    assert seasoned.scored(day(8)) == first
    assert seasoned.scored(day(8) + (day(1) - day(0)) / 2).prediction_keys == first.prediction_keys
    assert seasoned.lake.objects == before


def test_late_rows_are_scored_too(seasoned: World) -> None:
    """Predictions are named by the rows they are about, so new rows make new predictions."""
    first = seasoned.scored(day(8)).prediction_keys[-1]
    late = rows(7).head(1).drop(columns="y").assign(id="late")
    seasoned.deliver("features", "07-late", late)
    seasoned.take_in(day(9))
    second = seasoned.scored(day(8)).prediction_keys[-1]
    assert second != first
    assert len(seasoned.services.lake.read_table(second)) == 61


def test_a_new_champion_scores_recent_periods_again(seasoned: World) -> None:
    """Its predictions are its own."""
    first = seasoned.scored(day(8)).prediction_keys
    made = seasoned.registry.add(seasoned.registry.pipelines["1"], seasoned.registry.versions["1"].tags)
    seasoned.registry.set_alias("toy", "champion", made.number)
    assert not set(first) & set(seasoned.scored(day(8)).prediction_keys)


def test_a_period_without_rows_is_passed_over(seasoned: World) -> None:
    """Day 8 was not delivered: nothing is predicted about it, and detect_drift will say so."""
    scored = seasoned.scored(day(9))
    assert scored.period == day(8)
    assert len(scored.prediction_keys) == 2


def test_a_feature_that_the_model_dropped_is_named(seasoned: World) -> None:
    """The champion cannot be asked without it: the error says which column to keep, not a trace of pandas."""
    seasoned.deliver_day(8)
    seasoned.take_in(day(10))
    seasoned.model = changed(features=tuple(column for column in seasoned.model.features if column.name != "z"))
    with pytest.raises(DataError, match=r"trained on z, which the model no longer has\. Keep the column"):
        seasoned.scored(day(10))
