"""Announce says what was decided in one line, and keeps it."""

import json

from include.results import Approval, Promotion, Verdict
from tests.toy import World, day

VERDICT = Verdict(
    verdict="promote", reasons=("better",), version="2", artifact_digest="d", champion_version="1", summary="promote: better"
)
APPROVAL = Approval(approved=True, by="the gate", evidence=VERDICT.evidence)
PROMOTION = Promotion(promoted=True, champion_version="2", previous_version="1", summary="version 2 is champion")


def test_one_line_says_it_all(world: World) -> None:
    """Model, verdict, who is champion, and where the card is."""
    announced = world.do("announce", day(1), verdict=VERDICT, approval=APPROVAL, promotion=PROMOTION)
    assert announced.summary == "toy: promote: better; version 2 is champion - http://registry.example/toy/2"


def test_the_decision_is_kept_by_its_time(world: World) -> None:
    """One document per as-of time, whatever is run again."""
    for _ in range(2):
        world.do("announce", day(1), verdict=VERDICT, approval=APPROVAL, promotion=PROMOTION)
    key = "status/toy/retrain/2024-01-02T000000Z.json"
    assert set(world.lake.objects) == {key, "latest/toy/retrain.json"}
    document = json.loads(world.lake.read(key))
    assert (document["verdict"]["verdict"], document["promotion"]["champion_version"]) == ("promote", "2")
    assert document["trigger"] == "a test"


def test_a_run_without_a_challenger_has_no_card(world: World) -> None:
    """No link leads nowhere."""
    nothing = VERDICT.model_copy(update={"version": None, "summary": "keep: nothing to train"})
    assert "http" not in world.do("announce", day(1), verdict=nothing, approval=APPROVAL, promotion=PROMOTION).summary


def test_clearing_a_run_that_promoted_keeps_its_record(world: World) -> None:
    """The second try finds nothing to promote; that the first one promoted is not forgotten."""
    world.do("announce", day(1), verdict=VERDICT, approval=APPROVAL, promotion=PROMOTION)
    again = PROMOTION.model_copy(update={"promoted": False})
    assert "earlier try" in world.do("announce", day(1), verdict=VERDICT, approval=APPROVAL, promotion=again).summary
    assert json.loads(world.lake.read("status/toy/retrain/2024-01-02T000000Z.json"))["promotion"]["promoted"]
