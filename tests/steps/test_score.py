"""Score keeps the champion's predictions, once per version and set of rows, about periods that it was not trained on."""

from typing import Any

import pytest

from include.errors import ArtifactChanged, DataError, RegistryUnreachable, StoreUnreachable, UntrustedModel
from include.own_columns import PREDICTION, SCORED_AS_OF, VERSION
from tests.ledger.test_entries import ledger_fact
from tests.steps.test_probation import live, pipeline, promoted
from tests.toy import World, changed, day, rows


def scoring_version(world: World) -> str:
    """The version that scores as of day 16."""
    champion = world.scored(day(16)).champion
    assert champion is not None
    return champion.version


def test_without_a_champion_nothing_is_scored(world: World) -> None:
    """The first run of a model is green and says why."""
    scored = world.with_days(1).scored(day(1))
    assert scored.champion is None
    assert scored.prediction_keys == ()
    assert "no champion yet" in scored.summary


def test_the_newest_periods_are_scored_but_none_that_the_champion_was_trained_on(seasoned: World) -> None:
    """The champion knows days 0 to 5; as of day 8 it scores 6 and 7."""
    scored = seasoned.scored(day(8))
    assert scored.period == day(7)
    assert [key.split("/")[2][:10] for key in scored.prediction_keys] == ["2024-01-07", "2024-01-08"]
    table = seasoned.services.lake.read_table(scored.prediction_keys[-1])
    assert table.columns.tolist() == ["id", "at", PREDICTION, VERSION, SCORED_AS_OF]
    assert (len(table), set(table[VERSION])) == (60, {"1"})
    assert table[PREDICTION].between(0, 1).all()


def test_scoring_twice_changes_nothing(seasoned: World) -> None:
    """The second run finds the first one's predictions, also when it plays at a later time."""
    first = seasoned.scored(day(8))
    before = dict(seasoned.lake.objects)
    assert seasoned.scored(day(8)) == first
    assert seasoned.scored(day(8) + (day(1) - day(0)) / 2).prediction_keys == first.prediction_keys
    assert seasoned.lake.objects == before


def test_predictions_carry_what_the_feed_names_as_clusters(seasoned: World) -> None:
    """Also those of periods that were scored before it was named: a table without it is another table."""
    before = seasoned.scored(day(10)).prediction_keys
    seasoned.model = changed(cluster=("x",))
    after = seasoned.scored(day(10)).prediction_keys
    assert not set(before) & set(after)
    assert all("x" in seasoned.services.lake.read_table(key).columns for key in after)


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


def test_a_champion_whose_file_was_replaced_is_not_asked(tried: World) -> None:
    """What answers must be what was promoted: the check stops, and says what to do."""
    champion = tried.registry.aliases["champion"]
    assert scoring_version(tried) == champion
    tried.registry.digests[champion] = "tampered"
    with pytest.raises(ArtifactChanged):
        tried.scored(day(16))


def test_a_champion_set_by_hand_is_trusted_with_its_current_file(tried: World) -> None:
    """A registry that was lost begins to count anew: its version 2 has another file than the one that was promoted."""
    champion = tried.registry.aliases["champion"]
    tried.services.ledger.append("toy", ledger_fact("changed_by_hand", champion))
    tried.registry.digests[champion] = "another file"
    assert scoring_version(tried) == champion


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


@pytest.fixture
def tried(seasoned: World) -> World:
    """Version 2 replaced 1 on day 9; days 9 to 14 are delivered."""
    return live(promoted(seasoned, pipeline(seasoned, 0.3)), 9, 14)


def test_the_previous_champion_scores_the_same_rows_in_shadow(tried: World) -> None:
    """Of every period since the promotion, beside the new one's answers, and nothing of them is called the champion's."""
    scored = tried.scored(day(12))
    shadow = scored.shadow
    assert shadow is not None
    assert (shadow.version, shadow.against, shadow.impossible) == ("2", "1", "")
    assert [one.start for one in shadow.periods] == [day(9), day(10), day(11)]
    for one in shadow.periods:
        new, previous = (tried.services.lake.read_table(key) for key in (one.key, one.shadow_key))
        assert new[["id", "at"]].equals(previous[["id", "at"]])
        assert (set(new[VERSION]), set(previous[VERSION])) == ({"2"}, {"1"})
        assert not new[PREDICTION].equals(previous[PREDICTION])
    assert not {one.shadow_key for one in shadow.periods} & set(scored.prediction_keys)
    assert "version 1 has scored 3 of them since the promotion in shadow" in scored.summary


def test_periods_that_were_not_monitored_are_scored_later(tried: World) -> None:
    """The usual window of three periods has passed over days 9 to 11; probation has not."""
    scored = tried.scored(day(15))
    assert scored.shadow is not None
    assert [one.start for one in scored.shadow.periods] == [day(number) for number in range(9, 15)]
    assert len(scored.prediction_keys) == 3


def test_scoring_in_shadow_twice_changes_nothing(tried: World) -> None:
    """What is there is found, and the previous champion is not even loaded for it."""
    first = tried.scored(day(12))
    before = dict(tried.lake.objects)
    del tried.registry.pipelines["1"]
    assert tried.scored(day(12)) == first
    assert tried.lake.objects == before


def test_late_rows_are_scored_by_both(tried: World) -> None:
    """Predictions for the rows of before are no longer the ones that are compared."""
    tried.scored(day(12))
    tried.deliver("features", "09-late", rows(9).head(1).drop(columns="y").assign(id="late"))
    tried.take_in(day(12))
    shadow = tried.scored(day(12)).shadow
    assert shadow is not None
    assert [len(tried.services.lake.read_table(shadow.periods[0].shadow_key)), len(shadow.periods)] == [61, 3]


@pytest.mark.parametrize(
    ("broken", "summary"),
    [
        (UntrustedModel("it holds a pickle"), "UntrustedModel: it holds a pickle"),
        (ValueError("could not convert string to float"), "ValueError: «could not convert string to float»"),
    ],
    ids=["untrusted", "other rows than it was made for"],
)
def test_a_previous_champion_that_cannot_score_leaves_the_champion_alone(
    tried: World, monkeypatch: pytest.MonkeyPatch, broken: Exception, summary: str
) -> None:
    """The champion is scored as ever; what is wrong with the other is said."""
    usual = tried.scored(day(12)).prediction_keys
    for key in [key for key in tried.lake.objects if "/v1-" in key and key.startswith("predictions/")]:
        tried.lake.delete(key)
    _loading_one(tried, monkeypatch, broken)
    scored = tried.scored(day(12))
    assert scored.prediction_keys == usual
    assert scored.shadow is not None
    assert scored.shadow.impossible == f"version 1 cannot score any more: {summary}"


def test_a_feature_that_only_the_previous_champion_knew_is_named(tried: World) -> None:
    """A dropped column ends the comparison, not the scoring."""
    known = rows(0, count=600)
    tried.registry.pipelines["2"] = pipeline(tried, 0.0).set_params(columntransformer__transformers=_without_z(tried))
    tried.registry.pipelines["2"].fit(known[["x", "colour"]], known["y"])
    tried.model = changed(features=tuple(column for column in tried.model.features if column.name != "z"))
    scored = tried.scored(day(12))
    assert len(scored.prediction_keys) == 3
    assert scored.shadow is not None
    assert "a version was trained on z, which the model no longer has" in scored.shadow.impossible


@pytest.mark.parametrize("outage", [RegistryUnreachable("no answer"), StoreUnreachable("no answer")])
def test_an_outage_is_no_reason_to_end_a_probation(tried: World, monkeypatch: pytest.MonkeyPatch, outage: Exception) -> None:
    """The task is tried again: that the previous champion could not be asked just now says nothing about it."""
    _loading_one(tried, monkeypatch, outage)
    with pytest.raises(type(outage)):
        tried.scored(day(12))


def test_a_champion_that_was_made_by_hand_is_on_no_probation(tried: World) -> None:
    """Also before reconcile has noticed."""
    tried.registry.aliases["champion"] = "1"
    assert tried.scored(day(12)).shadow is None


def _loading_one(world: World, monkeypatch: pytest.MonkeyPatch, broken: Exception) -> None:
    load = world.registry.load

    def refuse(model: Any, number: str, digest: str | None = None) -> Any:
        if number == "1":
            raise broken
        return load(model, number, digest)

    monkeypatch.setattr(world.registry, "load", refuse)


def _without_z(world: World) -> Any:
    transformer = world.model.candidate.build(1).named_steps["columntransformer"]
    return [(name, part, [column for column in columns if column != "z"]) for name, part, columns in transformer.transformers]
