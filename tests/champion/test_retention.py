"""Pruning removes what is no longer needed, and nothing that a rollback, a comparison or an audit may need."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from include.champion.handover import Author, Subject, fact
from include.champion.retention import carry_out, plan
from include.cli.__main__ import cli
from include.request import Request
from include.services import StepContext
from tests.fakes import Crash
from tests.steps.test_promote import promote, verdict_on
from tests.toy import MODEL, World, day

NOW = datetime(2024, 12, 1, tzinfo=UTC)
UNTIL = NOW - timedelta(days=90)
REQUEST = Request(as_of=NOW, reason="make prune", run_id="prune 1", asked_by="carol")


def context(world: World) -> StepContext:
    return StepContext(world.services, MODEL, REQUEST)


@pytest.fixture
def old() -> World:
    """Versions 1 to 7 of last year: 1 and 2 were champion, 3 was refused, 4 is challenger, 5 under review, 6 never judged."""
    world = World()
    for number in range(1, 8):
        version = world.registry.add("pipeline", {"verdict": "keep", "train_digest": f"d{number}"})
        world.registry.versions[version.number] = replace(version, created=day(0))
    world.registry.versions["5"].tags["review_asked"] = "until tomorrow"
    del world.registry.versions["6"].tags["verdict"]
    world.registry.versions["7"] = replace(world.registry.versions["7"], created=NOW - timedelta(days=3))
    promote(world, verdict_on("1", None))
    promote(world, verdict_on("2", "1"))
    world.registry.aliases["challenger"] = "4"
    for key in (
        "predictions/toy/2024-01-05T000000Z/v2-a.parquet",
        "predictions/toy/2024-11-29T000000Z/v2-a.parquet",
        "baselines/toy/d2/baseline.json.gz",
        "baselines/toy/d3/baseline.json.gz",
        "trials/toy/t1/main.parquet",
        "snapshots/toy/d3.json",
        "curated/toy/features/2024-01-05T000000Z/a.parquet",
        "quarantine/toy/a.jsonl",
    ):
        world.lake.put(key, b"12345")
    return world


def test_pruning_removes_only_what_is_not_needed(old: World) -> None:
    """The refused version, old predictions, and the reference of a version that goes."""
    planned = plan(context(old), UNTIL)
    assert planned.versions == ("3",)
    assert [key for key, _ in planned.objects] == [
        "predictions/toy/2024-01-05T000000Z/v2-a.parquet",
        "baselines/toy/d3/baseline.json.gz",
        "trials/toy/t1/main.parquet",
    ]
    assert dict(planned.kept) == {
        "1": "it is anchor, previous",
        "2": "it is champion",
        "4": "it is challenger",
        "5": "it is under review",
        "6": "it was not judged yet",
        "7": "it is young",
    }


def test_looking_removes_nothing(old: World) -> None:
    """A plan is only read."""
    before = dict(old.lake.objects), dict(old.registry.versions)
    plan(context(old), UNTIL)
    assert (dict(old.lake.objects), dict(old.registry.versions)) == before


def test_a_former_champion_stays_without_any_alias(old: World) -> None:
    """Everything that a rollback accepts stays."""
    promote(old, verdict_on("3", "2"))
    assert old.registry.aliases["previous"] == "2"
    assert plan(context(old), UNTIL).versions == ()
    assert dict(plan(context(old), UNTIL).kept)["1"] == "it is anchor"


def test_what_was_removed_is_in_the_ledger(old: World) -> None:
    """By whom, and what."""
    done = carry_out(context(old), plan(context(old), UNTIL), UNTIL)
    assert done.versions == ("3",)
    assert "3" not in old.registry.versions
    assert "snapshots/toy/d3.json" in old.lake.objects
    assert "predictions/toy/2024-01-05T000000Z/v2-a.parquet" not in old.lake.objects
    entry = old.services.ledger.proved("toy")[-1]
    assert (entry.event, entry.by) == ("pruned", "carol")
    assert "1 versions (3) and 3 objects" in entry.reason
    assert not carry_out(context(old), done, UNTIL).versions


def test_what_became_needed_meanwhile_stays(old: World) -> None:
    """Planned in the morning, promoted at noon, carried out in the afternoon."""
    planned = plan(context(old), UNTIL)
    promote(old, verdict_on("3", "2"))
    assert carry_out(context(old), planned, UNTIL).versions == ()
    assert "3" in old.registry.versions


def test_what_the_ledger_names_as_evidence_stays(old: World) -> None:
    """A look at a probation rests on predictions: they are there for as long as the entry is."""
    key = "predictions/toy/2024-01-05T000000Z/v2-a.parquet"
    look_taken = fact(REQUEST, "looked", Subject("2 look 1", "2"), Author("probation", "r"), evidence={"predictions": [key]})
    old.services.ledger.append("toy", look_taken)
    assert [kept for kept, _ in plan(context(old), UNTIL).objects] == [
        "baselines/toy/d3/baseline.json.gz",
        "trials/toy/t1/main.parquet",
    ]


def test_a_question_that_was_answered_wrongly_is_still_open(old: World) -> None:
    """What is wrong with an answer is written into the tag `reviewed`, while there is time to correct it."""
    old.registry.versions["5"].tags["reviewed"] = "not counted yet: set review_by to your name"
    assert "5" not in plan(context(old), UNTIL).versions


def test_nothing_is_removed_that_the_ledger_does_not_tell(old: World) -> None:
    """Killed after any removal, what had gone by then is in an entry."""
    planned = plan(context(old), UNTIL)
    old.lake.delete = raising  # type: ignore[method-assign]
    with pytest.raises(Crash):
        carry_out(context(old), planned, UNTIL)
    assert "3" not in old.registry.versions
    assert "1 versions (3) and 3 objects" in old.services.ledger.proved("toy")[-1].reason


def raising(key: str) -> None:
    raise Crash(key)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Missing argument 'MODEL'"),
        (["traffic_volume", "--perhaps"], 2, "No such option"),
        (["traffic_volume", "--days", "5", "--yes"], 2, "5 is not in the range x>=30"),
        (["unknown"], 1, "model 'unknown' does not exist"),
    ],
)
def test_a_command_that_could_remove_too_much_is_refused(arguments: list[str], code: int, message: str) -> None:
    """Named, with what is accepted."""
    answer = CliRunner().invoke(cli, ["prune", *arguments])
    assert answer.exit_code == code
    assert message in answer.stderr


def test_the_command_lists_first_and_removes_only_on_request(old: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --yes nothing goes."""
    monkeypatch.setattr("include.cli.connection.connect", lambda: old.services)
    monkeypatch.setattr("include.cli.connection.find_model", lambda _: MODEL)
    assert "Nothing was removed" in CliRunner().invoke(cli, ["prune", "toy"]).stdout
    assert "3" in old.registry.versions
    assert CliRunner().invoke(cli, ["prune", "toy", "--yes"]).exit_code == 0
    assert "3" not in old.registry.versions
