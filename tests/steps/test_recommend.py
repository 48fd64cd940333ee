"""Recommend answers from what refit kept, and leaves a page."""

import copy
import json
from functools import cache

import pytest

from include.errors import RegistryUnreachable
from include.results import Recommended, Refitted
from tests.fakes import Crash
from tests.toy import World, changed, day

DAYS = 24


@cache
def _backtest() -> tuple[World, Refitted]:
    world = World(changed(train_periods=5)).with_days(DAYS, turned_from=12)
    return world, world.do("refit", day(DAYS))


@pytest.fixture
def world() -> World:
    """Twenty-four days, the answer the opposite from day 12 on, and every backtest model."""
    return copy.deepcopy(_backtest()[0])


@pytest.fixture
def refitted() -> Refitted:
    """The result of refit for it."""
    return _backtest()[1]


def test_the_answer_is_a_sentence_and_a_page(world: World, refitted: Refitted) -> None:
    """The page opens with the sentence, the button leads to it, and the figures are beside it."""
    answer: Recommended = world.do("recommend", day(DAYS), refitted=refitted)
    assert answer.recommendation
    assert answer.recommendation.startswith(("Retrain ", "Keep the current settings: nothing tested was shown to be better"))
    assert answer.summary == answer.recommendation
    assert answer.report_url == f"http://registry.example/replay-{refitted.digest}/replay.html"
    page = world.registry.reports[f"replay-{refitted.digest}", "replay.html"]
    assert "toy: how often should it be retrained?" in page
    figures = json.loads(world.registry.reports[f"replay-{refitted.digest}", "replay.json"])
    assert figures["policies"]["every period"]["reporting"]["retrains"] > 5
    assert figures["recommendation"] == answer.recommendation


def test_retraining_is_recommended_after_concept_drift(world: World, refitted: Refitted) -> None:
    """The first model is wrong from day 12 on: what is recommended beats it beyond chance."""
    world.do("recommend", day(DAYS), refitted=refitted)
    figures = json.loads(world.registry.reports[f"replay-{refitted.digest}", "replay.json"])
    assert figures["policies"]["recommended"]["reporting"]["low"] > 0


def test_run_again_it_gives_the_same_answer_in_the_same_place(world: World, refitted: Refitted) -> None:
    """After a crash in the registry, too."""
    world.registry.crash_at = 1
    with pytest.raises(Crash):
        world.do("recommend", day(DAYS), refitted=refitted)
    world.registry.crash_at = None
    first, second = (world.do("recommend", day(DAYS), refitted=refitted) for _ in range(2))
    assert first == second
    assert len(world.registry.reports) == 2


def test_where_nothing_was_refitted_there_is_nothing_to_recommend(world: World) -> None:
    """A green answer that says why."""
    answer: Recommended = world.do("recommend", day(9), refitted=Refitted(skipped="too little"))
    assert (answer.recommendation, answer.report_url) == (None, None)
    assert answer.summary == "nothing to recommend: too little"


def test_neither_champion_nor_alias_is_touched(world: World, refitted: Refitted) -> None:
    """It is advice: a person changes the cadence."""
    world.do("recommend", day(DAYS), refitted=refitted)
    assert (world.registry.versions, world.registry.aliases) == ({}, {})


def test_an_outage_can_be_tried_again(world: World, refitted: Refitted) -> None:
    """The error is marked as one that can be retried."""
    world.registry.down = True
    with pytest.raises(RegistryUnreachable):
        world.do("recommend", day(DAYS), refitted=refitted)
