"""Validate promotes the better and refuses the worse, on the same raw rows under the same noise; no failure is a pass."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.alerts import texts
from include.decisions.data.training import recipe
from include.errors import ArtifactChanged, BrokenFeed, DataError, RegistryUnreachable
from include.models.contract import Column, Money
from include.noise.profile import NoiseProfile
from include.noise.suite import suite_for
from include.request import Request
from include.results import Assembled, LandedFile, Promotion, Trained, Verdict
from include.services import StepContext
from include.statuses import PeriodProfile
from include.steps import validate
from tests.toy import MODEL, World, build, changed, day, rows


class Planted:
    """A pipeline whose skill is known: `skill` weighs x against noise of its own; it keeps what it was given."""

    def __init__(self, skill: float, seed: int = 1) -> None:
        self.skill, self.seed = skill, seed
        self.given: list[pd.DataFrame] = []

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        self.given.append(frame.copy())
        noise = np.random.default_rng(self.seed).normal(size=len(frame))
        chance = 1 / (1 + np.exp(-(self.skill * frame["x"].clip(-4, 4).fillna(0).to_numpy() + noise)))
        return np.column_stack([1 - chance, chance])


class Says(Planted):
    """Predicts the same value for every row."""

    def __init__(self, value: float) -> None:
        super().__init__(1.0)
        self.value = value

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        return np.full((len(frame), 2), self.value)


def plant(world: World, pipeline: Any, tags: dict[str, str], until: int = 6) -> str:
    """Register a pipeline as if it had been trained on the days before `until`."""
    made = {
        "trained_until": day(until).isoformat(),
        "criteria": world.model.criteria_digest,
        "recipe": "same",
        "seed": "1",
        "train_digest": world.snapshot(day(0), day(6)).digest,
        "baselines": '{"mean": 0.5, "median": 0.5}',
    }
    return world.registry.add(pipeline, made | tags).number


def trained_as(number: str, assembled: Assembled) -> Trained:
    """The result of select for a version that was fitted on all training rows."""
    return Trained(version=number, run_id=f"run-{number}", artifact_digest=f"digest-of-{number}", train=assembled.train)


def trial(
    world: World, challenger: Any, champion: Any = None, champion_until: int = 6, override: bool = False, **tags: str
) -> Verdict:
    """The verdict on planted versions, on days 6 and 7."""
    if not world.lake.objects:
        world.with_days(8)
    old = plant(world, champion, {}, champion_until) if champion else None
    new = plant(world, challenger, tags)
    assembled = Assembled(
        train=world.snapshot(day(0), day(6)),
        holdout=world.snapshot(day(6), day(8)),
        champion_version=old,
    )
    trained = trained_as(new, assembled)
    verdict: Verdict = world.do("validate", day(9), override=override, assembled=assembled, trained=trained)
    return verdict


def test_a_planted_better_challenger_is_promoted(world: World) -> None:
    """The gate was not comparing the challenger with itself: skill is seen."""
    verdict = trial(world, Planted(4.0), Planted(0.3))
    assert (verdict.verdict, verdict.version, verdict.champion_version) == ("promote", "2", "1")


def test_a_planted_worse_challenger_is_not(world: World) -> None:
    """The same two models the other way round."""
    assert trial(world, Planted(0.3), Planted(4.0)).verdict == "keep"


def test_the_shipped_defaults_refuse_a_bad_challenger(world: World) -> None:
    """No setting has to be switched on: a first challenger that knows nothing stays below its floors."""
    verdict = trial(world, Planted(0.0))
    assert verdict.verdict == "keep"
    assert "the success criteria ask for 0.6" in verdict.reasons[0]


def test_a_first_champion_has_only_its_floors_to_reach(world: World) -> None:
    """There is nothing to compare it with, and the reason says so."""
    verdict = trial(world, Planted(4.0))
    assert (verdict.verdict, verdict.champion_version) == ("promote", None)
    assert "first champion" in verdict.reasons[0]


def test_champion_and_challenger_get_the_same_raw_rows(world: World) -> None:
    """Both get the very same raw columns, clean and under every kind of noise."""
    challenger, champion = Planted(4.0), Planted(0.3)
    trial(world, challenger, champion)
    # The challenger answers some rows once more, in its trial; then both answer with each feature shuffled.
    asked = 1 + len(suite_for(MODEL, None).conditions)
    assert len(challenger.given.pop(asked)) == 50
    assert len(challenger.given) == asked + len(MODEL.features)
    for one, other in zip(challenger.given, champion.given, strict=True):
        pd.testing.assert_frame_equal(one, other)
        assert one.columns.tolist() == MODEL.feature_names
    clean = challenger.given[0]
    assert set(clean["colour"]) == {"red", "green", "blue"}
    assert all(not clean.equals(noisy) for noisy in champion.given[1:])


def test_a_fitted_challenger_beats_a_champion_of_another_world(world: World) -> None:
    """Whole pipelines: where the answer turned round, the retrained one is promoted and the old one is not defended."""
    world.with_champion(8)
    for number in range(8, 20):
        world.deliver_day(number, turned=True)
    world.take_in(day(21))
    world.model = changed(train_periods=6)
    _, _, verdict = world.challenge(day(21))
    assert verdict.verdict == "promote"
    assert world.registry.versions["2"].tags["verdict"] == "promote"


def test_the_same_trial_gives_the_same_verdict(world: World) -> None:
    """Digest and seed fix rows and noise: a cleared task decides as before."""
    first = trial(world, Planted(4.0), Planted(0.3))
    card, report = world.registry.descriptions["2"], world.registry.reports["run-2", "scorecard.json"]
    again = trial(World().with_days(8), Planted(4.0), Planted(0.3))
    assert again == first
    assert world.registry.descriptions["2"] == card
    assert json.loads(report)["evidence"]["cells"][0]["gain"]["value"] > 0


def test_a_holdout_that_is_older_than_training_blocks(world: World) -> None:
    """A model is not judged on rows that it was trained on: both versions are asked for their last training day."""
    late = day(7).isoformat()
    assert trial(world, Planted(4.0), trained_until=late).reasons == (
        "version 1 was trained on rows until 2024-01-08, the holdout starts on 2024-01-07",
    )
    verdict = trial(world, Planted(4.0), Planted(0.3), champion_until=7)
    assert verdict.verdict == "blocked"
    assert verdict.reasons[0].startswith("version 2 was trained on rows until 2024-01-08")


def test_criteria_that_were_changed_after_training_block(world: World) -> None:
    """The bar is not lowered for a challenger that is already on its way."""
    verdict = trial(world, Planted(4.0), criteria="0123456789abcdef")
    assert verdict.verdict == "blocked"
    assert "the success criteria were changed after training" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("challenger", "champion", "summary"),
    [
        (Says(float("nan")), Planted(1.0), "challenger 2 predicts values that are not finite"),
        (Says(0.5), Planted(1.0), "challenger 2 predicts one and the same value"),
        (Planted(4.0), Says(0.5), "champion 1 predicts one and the same value"),
    ],
)
def test_predictions_that_cannot_be_judged_block(world: World, challenger: Any, champion: Any, summary: str) -> None:
    """A model that says NaN, or always the same, is not compared: it is named."""
    verdict = trial(world, challenger, champion)
    assert verdict.verdict == "blocked"
    assert summary in verdict.reasons[0]


def test_a_holdout_that_is_too_small_blocks(world: World) -> None:
    """A hundred and twenty rows where five hundred are asked for decide nothing."""
    world.model = changed(min_rows=500)
    assert "the holdout has 120 labelled rows, 500 are needed" in trial(world, Planted(4.0)).reasons


def test_a_registry_outage_gives_no_verdict(world: World) -> None:
    """A registry outage raises: no verdict, no promotion."""
    world.with_days(8)
    world.registry.down = True
    assembled = Assembled(train=world.snapshot(day(0), day(6)), holdout=world.snapshot(day(6), day(8)))
    with pytest.raises(RegistryUnreachable):
        world.do(
            "validate",
            day(9),
            assembled=assembled,
            trained=trained_as("1", assembled).model_copy(update={"artifact_digest": "x"}),
        )


def test_an_outage_at_any_moment_is_no_verdict(world: World) -> None:
    """Whichever question the registry leaves unanswered: the run is red, and no champion or reference is taken for absent."""
    assembled = Assembled(
        train=world.with_days(8).snapshot(day(0), day(6)),
        holdout=world.snapshot(day(6), day(8)),
        champion_version=plant(world, Planted(4.0), {}),
    )
    world.registry.aliases = {"anchor": plant(world, Planted(3.5), {})}
    new = plant(world, Planted(0.3), {})
    trained = trained_as(new, assembled)
    asked = 0
    while True:
        world.registry.unanswered = asked = asked + 1
        try:
            verdict = world.do("validate", day(9), assembled=assembled, trained=trained)
        except RegistryUnreachable:
            continue
        break
    assert asked > 10
    assert world.registry.unanswered > 0, "an unanswered question was taken for an answer"
    assert verdict.verdict == "keep"


def test_an_artifact_that_is_not_the_trained_one_is_not_judged(world: World) -> None:
    """What train registered is what validate loads."""
    world.with_days(8)
    number = plant(world, Planted(4.0), {})
    world.registry.tamper(number)
    assembled = Assembled(train=world.snapshot(day(0), day(6)), holdout=world.snapshot(day(6), day(8)))
    with pytest.raises(ArtifactChanged):
        world.do("validate", day(9), assembled=assembled, trained=trained_as(number, assembled))


class Fails(Planted):
    """A pipeline that was made for other columns."""

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        raise KeyError("a column that is gone")


def test_a_champion_that_cannot_be_scored_blocks(world: World) -> None:
    """The challenger gains nothing by it; the reason says how a person may decide otherwise."""
    verdict = trial(world, Planted(4.0), Fails(1.0))
    assert verdict.verdict == "blocked"
    assert "champion 1 cannot be scored: KeyError" in verdict.reasons[0]
    assert "replace_unscorable_champion" in verdict.reasons[1]


def test_a_person_may_replace_a_champion_that_cannot_be_scored(world: World) -> None:
    """By name and reason, kept on the version and on its card; the success criteria still have to be reached."""
    verdict = trial(world, Planted(4.0), Fails(1.0), override=True)
    assert verdict.verdict == "promote"
    assert verdict.champion_version == "1"
    override = world.registry.versions["2"].tags["override"]
    assert "champion 1 cannot be scored" in override
    assert "carol: a test" in override
    assert "**Overridden by a person:**" in world.registry.descriptions["2"]
    assert trial(World(), Planted(0.0), Fails(1.0), override=True).verdict == "keep"


def test_the_override_does_nothing_for_a_champion_that_can_be_scored(world: World) -> None:
    """It is no way round the gate."""
    verdict = trial(world, Planted(0.3), Planted(4.0), override=True)
    assert verdict.verdict == "keep"
    assert "override" not in world.registry.versions["2"].tags


def test_an_override_without_a_reason_is_refused(world: World) -> None:
    """Who reads the card later has to find why."""
    world.with_days(8)
    assembled = Assembled(train=world.snapshot(day(0), day(6)), holdout=world.snapshot(day(6), day(8)))
    request = Request(as_of=day(9), reason="manual", run_id="run", override=True)
    with pytest.raises(DataError, match="replace_unscorable_champion was ticked without a reason"):
        validate.run(StepContext(world.services, world.model, request), assembled, trained_as("1", assembled))


def test_a_challenger_that_cannot_be_scored_blocks(world: World) -> None:
    """A check that cannot be made is no pass, whichever version fails it, and no one may override it."""
    assert "challenger 2 cannot be scored" in trial(world, Fails(1.0), Planted(1.0), override=True).reasons[0]


@pytest.mark.parametrize("broken", ["will not load", "other answers"])
def test_the_artifact_is_tried_in_a_fresh_process(world: World, broken: str) -> None:
    """What cannot be loaded and queried as a server would, or answers otherwise there, is blocked."""
    if broken == "will not load":
        world.registry.failing_trial = "a fresh process could not load it"
    else:
        world.registry.other_answers = 0.01
    verdict = trial(world, Planted(4.0), Planted(0.3))
    assert verdict.verdict == "blocked"
    named = "fresh process" if broken == "will not load" else "between the artifact and the in-memory pipeline"
    assert named in verdict.reasons[0]


def test_budgets_come_from_the_trial(world: World) -> None:
    """An artifact that is too slow is not promoted, however good it is; what was measured stays on the version."""
    world.model = changed(max_latency_ms=1.0)
    verdict = trial(world, Planted(4.0), Planted(0.3))
    assert (verdict.verdict, verdict.reasons[0]) == (
        "keep",
        "the 95th percentile of one answer is 2 ms, the success criteria allow 1",
    )
    assert world.registry.versions["2"].tags["latency_ms"] == "2"


def test_rows_that_the_champion_was_trained_on_block(world: World) -> None:
    """Five per cent of them flip the sign for tree models: they are found by key, whatever their time says."""
    world.with_days(8)
    seen = world.snapshot(day(0), day(8)).digest
    old = plant(world, Planted(0.3), {"train_digest": seen})
    new = plant(world, Planted(4.0), {})
    assembled = Assembled(train=world.snapshot(day(0), day(6)), holdout=world.snapshot(day(6), day(8)), champion_version=old)
    verdict = world.do("validate", day(9), assembled=assembled, trained=trained_as(new, assembled))
    assert verdict.verdict == "blocked"
    assert "120 rows of the holdout are in champion 1's training data" in verdict.reasons[0]


def test_immature_labels_block(world: World) -> None:
    """Labels of the last day are not due yet: the early ones are not like the late ones."""
    world.with_days(8)
    new = plant(world, Planted(4.0), {})
    assembled = Assembled(train=world.snapshot(day(0), day(6)), holdout=world.snapshot(day(6), day(8)))
    verdict = world.do("validate", day(8), assembled=assembled, trained=trained_as(new, assembled))
    assert verdict.verdict == "blocked"
    assert "labels of the holdout are immature" in verdict.reasons[0]


def test_a_frozen_reference_takes_part(world: World) -> None:
    """Better than the champion and far below what was frozen once: kept, with the reference on the card."""
    world.with_days(8)
    frozen = plant(world, Planted(6.0), {})
    world.registry.aliases["anchor"] = frozen
    verdict = trial(world, Planted(0.6), Planted(0.1))
    assert verdict.verdict in ("keep", "inconclusive")
    assert f"over the frozen reference, v{frozen}" in world.registry.descriptions["3"]


def test_production_decides_how_severe_the_noise_is(world: World) -> None:
    """What periods before the run showed becomes a condition of its own, in words on the card."""
    world.with_days(8)
    profile = NoiseProfile(rows=60, quarantined=0.0, rates={"z": {"missing": 0.3}})
    world.services.lake.write_profile("toy", PeriodProfile(day(5), profile))
    trial(world, Planted(4.0), Planted(0.3))
    conditions = json.loads(world.registry.reports["run-2", "noise_suite.json"])["conditions"]
    assert {"production", "production x2"} <= {condition["id"] for condition in conditions}
    assert "Adding production-level noise again changes" in world.registry.descriptions["2"]


@pytest.mark.parametrize(("tag", "lane"), [("same", "routine"), ("another", "change")])
def test_another_recipe_is_judged_in_the_stricter_lane(world: World, tag: str, lane: str) -> None:
    """The lane follows from the recipes on the versions."""
    trial(world, Planted(4.0), Planted(0.3), recipe=tag)
    assert f"lane **{lane}**" in world.registry.descriptions["2"]


def test_the_verdict_stands_on_the_version_with_its_evidence(world: World) -> None:
    """Card, reason and the value that decay will be measured against; the noise suite and the scorecard lie beside the run."""
    verdict = trial(world, Planted(4.0), Planted(0.3))
    tags = world.registry.versions["2"].tags
    assert (tags["verdict"], tags["reason"]) == ("promote", verdict.reasons[0])
    assert 0.5 < float(tags["proved_value"]) < 1
    assert (tags["lane"], tags["holdout"], tags["evidence"]) == ("routine", verdict.holdout_digest, verdict.evidence)
    assert (tags["check.sound"], tags["check.gain"], tags["check.budgets"]) == ("passed", "passed", "not made")
    assert tags["judged_in"] == "http://127.0.0.1:8080/dags/toy.validate/runs/run"
    assert world.registry.descriptions["2"].startswith("## PROMOTE: toy version 2")
    assert {path for _, path in world.registry.reports} == {
        "decision_card.md",
        f"cards/{verdict.evidence[:12]}.md",
        "scorecard.json",
        "noise_suite.json",
    }
    assert set(world.registry.pictures) == {("run-2", "decision.png")}
    assert "http://registry.example/picture/run-2/decision.png" in world.registry.descriptions["2"]


def test_an_artifact_that_runs_its_own_code_is_marked_on_the_card(world: World) -> None:
    """With the reason that the model's file gives; other artifacts are not."""
    trial(world, Planted(4.0))
    assert "own code" not in world.registry.descriptions["1"]
    world.model = changed(world.model, artifact="mlflow.sklearn", because="a transformer of ours")
    trial(world, Planted(4.0), artifact="mlflow.sklearn")
    assert "runs its own code when it is loaded:** mlflow.sklearn, a transformer of ours" in world.registry.descriptions["2"]


def test_a_champion_that_was_trained_again_keeps_its_place(seasoned: World) -> None:
    """The gate compared the challenger with itself: here it says so and judges nothing."""
    assembled = seasoned.do("assemble", day(9))
    trained = seasoned.train(day(9), assembled)
    verdict = seasoned.do("validate", day(9), assembled=assembled, trained=trained)
    assert (verdict.verdict, verdict.version) == ("keep", None)
    assert "it is the champion" in verdict.reasons[0]


def test_nothing_to_train_is_nothing_to_judge(world: World) -> None:
    """The reason travels to the end of the run."""
    assembled, trained, verdict = world.with_days(2).challenge(day(9))
    assert (trained.version, verdict.verdict, verdict.version) == (None, "keep", None)
    assert verdict.reasons == (assembled.skipped,)


def test_a_regression_is_judged_on_its_values(world: World) -> None:
    """Predictions of a regression are values, and less error is more."""

    class Values(Planted):
        def predict(self, frame: pd.DataFrame) -> Any:
            return self.predict_proba(frame)[:, 1]

    world.model = changed(task="regression", metric="mae", floor=0.5, noisy_floor=0.6, build=build)
    assert trial(world, Values(4.0), Values(0.3)).verdict == "promote"
    assert recipe(world.model, world.model.candidate, build(1)) != recipe(MODEL, MODEL.candidate, build(1))


def test_the_card_is_kept_and_its_page_comes_with_the_verdict(world: World) -> None:
    """What a person reads first is one click from the verdict."""
    verdict = trial(world, Planted(4.0))
    assert verdict.card_url == "http://registry.example/run-1/decision_card.md"
    assert world.registry.reports["run-1", "decision_card.md"] == world.registry.descriptions["1"]


def test_labels_that_are_not_0_and_1_block(world: World) -> None:
    """Curated rows of an earlier release may hold labels 1 and 2: without an AUC no floor may look like reached."""
    taken_in = world.with_days(8).services.lake.publish
    for number in range(8):
        whole = rows(number)
        labels = whole[["id"]].assign(at=pd.to_datetime(whole["at"]).astype("datetime64[us, UTC]"), y=whole["y"] + 1.0)
        file = LandedFile(key=f"toy/labels/{number}.csv", etag="1", stream="labels", landed_at=day(90))
        taken_in(world.model, file, [labels], known=None)
    _, _, verdict = world.challenge(day(9))
    assert verdict.verdict == "blocked"
    assert "[1.0, 2.0]" in verdict.reasons[0]


def compared(world: World) -> list[tuple[str, float]]:
    """Lane and level of each comparison that the ledger holds."""
    entries = world.services.ledger.entries(world.model.name)
    return [(one.evidence["lane"], round(one.evidence["level"], 4)) for one in entries if one.event == "compared"]


def test_each_comparison_with_the_champion_is_spent_once(world: World) -> None:
    """The run that is tried again spends nothing more; there is nothing to spend without a champion."""
    trial(world, Planted(4.0))
    assert compared(world) == []
    assembled = Assembled(train=world.snapshot(day(0), day(6)), holdout=world.snapshot(day(6), day(8)), champion_version="1")
    new = plant(world, Planted(0.3), {"recipe": "another"})
    trained = trained_as(new, assembled)
    verdicts = [world.do("validate", day(9), assembled=assembled, trained=trained) for _ in range(3)]
    assert verdicts[0] == verdicts[1] == verdicts[2]
    assert compared(world) == [("change", 0.0067)]


def test_a_holdout_that_is_used_again_is_judged_more_strictly(world: World) -> None:
    """The second challenger on the same rows meets a smaller level, in its own lane, and its card says what is left."""
    for _ in range(2):
        trial(world, Planted(4.0), Planted(0.3), recipe="another")
    trial(world, Planted(4.0), Planted(0.3))
    assert compared(world) == [("change", 0.0067), ("change", 0.0033), ("routine", 0.2)]
    assert "passes this comparison with a probability of 0.33 %" in world.registry.descriptions["4"]
    assert "0.0033 are left now" in world.registry.descriptions["4"]
    assert "lower 80 % bound" in world.registry.descriptions["6"]


@pytest.mark.parametrize("frozen", [True, False])
def test_the_distance_to_the_frozen_reference_comes_with_the_verdict(world: World, frozen: bool) -> None:
    """Also where the reference is the champion itself: what beats it may become it."""
    world.with_days(8)
    world.registry.aliases["anchor"] = plant(world, Planted(1.0), {}) if frozen else "1"
    verdict = trial(world, Planted(4.0), Planted(0.3))
    assert verdict.against_anchor is not None
    assert verdict.against_anchor.version == "1"
    assert verdict.against_anchor.proved
    assert 0 < verdict.against_anchor.low < verdict.against_anchor.gain
    assert verdict.named_evidence()["against_anchor"]["version"] == "1"


def test_a_floor_is_no_reason_to_keep_a_champion_that_is_below_it_and_worse(world: World) -> None:
    """Better, and still below what was asked for: promoted in a lane of its own; the criteria stay, and the card says it."""
    world.model = changed(floor=0.99, noisy_floor=0.99)
    verdict = trial(world, Planted(2.0), Planted(0.1))
    assert (verdict.verdict, verdict.rescue) == ("promote", True)
    assert verdict.reasons[0].startswith("better, and still below what was asked for: gain on the clean/noisy mix")
    assert "the success criteria ask for 0.99; the champion's is 0.6266" in verdict.reasons[1]
    assert world.registry.versions["2"].tags["lane"] == "rescue"
    assert "lane **rescue**" in world.registry.reports["run-2", "decision_card.md"]
    assert "asked for" in texts.promoted_text(
        "toy", verdict, Promotion(promoted=True, champion_version="2", previous_version="1"), "the gate", ""
    )


def test_the_card_names_the_features_that_earn_nothing(world: World) -> None:
    """X decides, and the planted models do not look at the others; both models' values are there, and in the scorecard."""
    verdict = trial(world, Planted(4.0), Planted(1.0))
    card = world.registry.reports[f"run-{verdict.version}", "decision_card.md"]
    section = card[card.index("loses without a feature") : card.index("### Other metrics")]
    lines = [line.replace("\u200b\u2003", "").split(" | ") for line in section.splitlines() if line.startswith("|")]
    assert lines[0] == ["| feature", "champion", "challenger", "95 % interval |"]
    assert lines[2][0] == "| x"
    assert float(lines[2][2]) > float(lines[2][1]) > 0.1
    assert "**Earn nothing** (upper bound below half a margin): z, colour." in section
    kept = json.loads(world.registry.reports[f"run-{verdict.version}", "scorecard.json"])["importance"]
    assert [one["feature"] for one in kept] == ["x", "z", "colour"]


def test_a_feature_that_the_champion_never_knew_is_worth_nothing_to_it(world: World) -> None:
    """It is not shuffled for that one: a column that only one version takes fails nothing."""
    champion = Planted(1.0)
    champion.feature_names_in_ = ["x", "z"]  # type: ignore[attr-defined]
    verdict = trial(world, Planted(4.0), champion)
    assert verdict.verdict == "promote"
    card = world.registry.reports[f"run-{verdict.version}", "decision_card.md"].replace("\u200b\u2003", "")
    assert re.search(r"\| colour \| not taken \| \+0 \| .* \|", card), card


def test_what_a_shuffled_feature_breaks_is_logged_and_decides_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The verdict is what it would be; the card has no such table."""

    class Fragile(Planted):
        def predict_proba(self, frame: pd.DataFrame) -> Any:
            if len(self.given) > 1 + len(suite_for(MODEL, None).conditions):
                raise ValueError("these rows make no sense")
            return super().predict_proba(frame)

    verdict = trial(world, Fragile(4.0))
    assert verdict.verdict == "promote"
    assert "what features are worth to the challenger is not known" in caplog.text
    assert "without a feature" not in world.registry.reports[f"run-{verdict.version}", "decision_card.md"]


AGE = Column("age_band", "category")


class ForTheOld(Planted):
    """Knows nothing of rows whose z is positive, which a group that it never sees has."""

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        answers = super().predict_proba(frame)
        blind = frame["z"].fillna(0).to_numpy() > 0
        answers[blind] = 0.5
        return answers


def with_ages(world: World, **criteria: Any) -> World:
    """Eight days whose rows say the age band too: old where z is positive."""
    world.model = changed(changed(groups=(AGE,)), fairness=("age_band",), **criteria)
    for number in range(8):
        whole = rows(number, count=300)
        old = np.where(whole["z"] > 0, "old", "young")
        world.deliver("features", f"{number:02}", whole.drop(columns="y").assign(age_band=old))
        world.deliver("labels", f"{number:02}", whole[["id", "at", "y"]])
    world.take_in(day(9))
    return world


def test_a_group_is_judged_by_and_never_seen(world: World) -> None:
    """A loss in one group refuses a challenger, and no version gets the column."""
    challenger, champion = ForTheOld(4.0), Planted(4.0)
    verdict = trial(with_ages(world), challenger, champion)
    assert verdict.verdict == "keep"
    assert any("age_band=old" in reason for reason in verdict.reasons), verdict.reasons
    assert all("age_band" not in frame for frame in (*challenger.given, *champion.given))
    card = world.registry.reports["run-2", "decision_card.md"]
    assert "### Groups: the largest difference between two" in card
    assert re.search(r"groups differ: roc\\_auc is 0\.\d+ where age\\_band=young", card), card


def test_a_delivery_without_a_declared_group_is_refused_by_name(world: World) -> None:
    """Nothing is judged by a column that does not come."""
    world.model = changed(changed(groups=(AGE,)), fairness=("age_band",))
    world.deliver_day(0)
    with pytest.raises(BrokenFeed, match="lacks the columns age_band"):
        world.take_in(day(2))


def test_a_model_may_gain_a_group_later(world: World) -> None:
    """Rows of before count as of no known group; a recipe that sees no other columns stays what it is."""
    world.with_days(8)
    before = recipe(world.model, world.model.candidate, world.model.candidate.pipeline())
    world.model = changed(changed(groups=(AGE,)), fairness=("age_band",))
    assert recipe(world.model, world.model.candidate, world.model.candidate.pipeline()) == before
    assert trial(world, Planted(4.0), Planted(0.3)).verdict == "promote"


def test_the_card_says_what_the_answers_lead_to(world: World) -> None:
    """Counts of 1,000 rows at the threshold, and what they are worth at the declared prices."""
    world.model = changed(money=Money(true_positive=10, false_positive=-2))
    trial(world, Planted(4.0), Planted(0.3))
    card = world.registry.reports["run-2", "decision_card.md"]
    assert "### In use: a yes from a score of 0.5" in card
    assert re.search(r"More than the champion: \+[\d,]+ EUR \(95 % interval", card)
    kept = json.loads(world.registry.reports["run-2", "scorecard.json"])["in_use"]
    assert sum(kept["operating"]["challenger"][name] for name in kept["operating"]["challenger"] if name != "money") == 1000
    assert len(kept["calibration"]["champion"]) == 10
