"""Tags that runs decide by are the ledger's: what a person changes in MLflow is recorded, restored, and decides nothing."""

import copy

import pytest

from tests.toy import World, day

TAMPERED = {
    "trained_until": "9999-01-01T00:00:00+00:00",
    "proved_value": "0.1",
    "proved_error": "10",
    "train_digest": "0" * 64,
    "latency_ms": "1e9",
}


@pytest.fixture
def turned(seasoned: World) -> World:
    """After the champion's hold-out every answer is the opposite."""
    for number in (8, 9):
        seasoned.deliver_day(number, turned=True)
    seasoned.take_in(day(11))
    return seasoned


@pytest.mark.parametrize("tag", TAMPERED)
def test_a_changed_tag_decides_nothing(turned: World, tag: str) -> None:
    """Scoring, quality and the gate find what they find with the tag as it was."""
    calm = copy.deepcopy(turned)
    before = turned.do("measure_quality", day(11), scored=turned.scored(day(11)))
    turned.registry.annotate("toy", "1", {tag: TAMPERED[tag]})
    after = turned.do("measure_quality", day(11), scored=turned.scored(day(11)))
    assert after == before
    assert after.decayed
    assert turned.challenge(day(11))[2].reasons == copy.deepcopy(calm).challenge(day(11))[2].reasons


@pytest.mark.parametrize("tag", TAMPERED)
def test_a_changed_tag_is_recorded_and_restored(seasoned: World, tag: str) -> None:
    """Reconcile tells of it, the ledger keeps what MLflow showed, and the next run has nothing to do."""
    right = seasoned.registry.versions["1"].tags[tag]
    seasoned.registry.annotate("toy", "1", {tag: TAMPERED[tag]})
    reconciled = seasoned.do("reconcile", day(10))
    assert reconciled.by_hand
    assert f"{tag} was {right}, MLflow showed {TAMPERED[tag]}" in reconciled.summary
    assert seasoned.registry.versions["1"].tags[tag] == right
    newest = seasoned.services.ledger.proved("toy")[-1]
    assert (newest.event, newest.version, newest.evidence) == ("tags_restored", "1", {"shown": {tag: TAMPERED[tag]}})
    again = seasoned.do("reconcile", day(10), asked={"run_id": "another run"})
    assert not again.by_hand
    assert len(seasoned.services.ledger.proved("toy")) == newest.sequence


def test_a_deleted_tag_is_restored(seasoned: World) -> None:
    """Without it every run of the monitor would fail."""
    seasoned.registry.drop_tags("toy", "1", ["trained_until"])
    assert seasoned.scored(day(9)).champion is not None
    assert "MLflow showed None" in seasoned.do("reconcile", day(10)).summary


def test_a_registry_that_counts_anew_has_no_promoted_tags(seasoned: World) -> None:
    """Another version 1, of another run, is not believed to be the one that was promoted: its own tags count."""
    seasoned.registry.retag("1", seasoned.registry.versions["1"].tags | {"trained_until": day(1).isoformat()})
    assert "tags" not in seasoned.do("reconcile", day(10)).summary
    assert seasoned.registry.versions["1"].tags["trained_until"] == day(1).isoformat()


def test_all_tags_that_decide_are_promoted(seasoned: World) -> None:
    """What the gate, decay and drift read of a champion."""
    assert set(seasoned.services.ledger.proved("toy")[-1].evidence["tags"]) >= {*TAMPERED, "recipe"}
