"""The evidence pack says what is on record, and names what is missing; nothing else."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from include.cli import evidence
from include.cli.evidence import gathered, page
from include.errors import ModelError
from include.models.contract import Governance
from tests.toy import World, changed, day

SAID = Governance(
    intended_use="sorting letters",
    limits=("not for children",),
    assumptions=("x is measured",),
    risk_tier="2, medium",
    reviewer="model risk",
    review_every=timedelta(days=180),
)


@pytest.fixture
def world() -> World:
    """A first champion."""
    return World().with_champion()


def facts(world: World, title: str, version: str = "1") -> dict[str, str]:
    pack, _ = gathered(world.services, world.model, version, day(20))
    return next(section.facts for section in pack.sections if section.title == title)


def test_every_digest_of_the_training_rows_is_listed(world: World) -> None:
    """Each file of training and hold-out with its sha256, as the snapshots name them."""
    pack, _ = gathered(world.services, world.model, "1", day(20))
    table = next(section.table for section in pack.sections if section.title == "Data and their lineage")
    assert table is not None
    tags = world.registry.versions["1"].tags
    for name, tag in (("training", "train_digest"), ("hold-out", "holdout")):
        files = world.services.lake.manifest("toy", tags[tag]).files
        listed = [(f"{folder}/{digest}.parquet", digest) for kind, folder, digest in table.lines if kind == name]
        assert listed == [(file.key, file.sha256) for file in files]
        assert files


def test_what_no_record_says_is_named_as_missing(world: World) -> None:
    """Of a plain model's first champion: what people have to declare, and what was not done yet."""
    pack, _ = gathered(world.services, world.model, "1", day(20))
    missing = "\n".join(pack.missing)
    for line in ("Governance(intended_use=…)", "criteria.fairness", "no person is asked", "no check was made"):
        assert line in missing
    assert "never champion" not in missing
    assert facts(world, "Purpose and limits of use")["intended use"] == ""


def test_what_people_declare_is_in_it_and_no_longer_missing(world: World) -> None:
    """The next review follows from the promotion, independence from the names."""
    world.model = replace(world.model, governance=SAID)
    pack, _ = gathered(world.services, world.model, "1", day(20))
    assert not any("Governance(" in line for line in pack.missing)
    people = facts(world, "People")
    took_office = world.services.ledger.proved("toy")[-1].at
    assert people["next review"] == f"{took_office + timedelta(days=180):%Y-%m-%d}"
    assert people["is the reviewer independent of the owner"] == "yes"
    world.model = replace(world.model, governance=replace(SAID, reviewer=world.model.owner))
    assert facts(world, "People")["is the reviewer independent of the owner"] == "no"


def test_a_refreshed_version_shows_how_the_validated_one_was_judged(world: World) -> None:
    """Its scorecard and card are that one's, and it says so."""
    judged, tags = world.registry.versions["1"], {"refreshes": "1"}
    made = {name: judged.tags[name] for name in ("train_digest", "git") if name in judged.tags}
    number = world.registry.add(world.registry.pipelines["1"], made | tags).number
    pack, beside = gathered(world.services, world.model, number, day(20))
    assert not any("no scorecard" in line for line in pack.missing)
    assert "PROMOTE: toy version 1" in beside["card"]
    assert facts(world, "Development", number)["validated as"].startswith("version 1;")


def test_a_version_that_was_refused_says_so(world: World) -> None:
    """It has its verdict and its tests, and was never champion."""
    for later in range(8, 12):
        world.deliver_day(later)
    world.take_in(day(13))
    world.model = changed(world.model, noisy_floor=0.999, floor=0.999)
    _, trained, verdict = world.challenge(day(13))
    assert verdict.verdict == "keep"
    number = str(trained.version)
    pack, _ = gathered(world.services, world.model, number, day(20))
    assert f"version {number} was never champion" in pack.missing
    assert facts(world, "Tests before promotion", number)["verdict"] == "keep"


def test_the_page_stands_alone_and_escapes_what_people_typed(world: World) -> None:
    """No script, no address but those to look up; text from outside acts on nothing; the picture is inside."""
    world.model = replace(world.model, governance=replace(SAID, intended_use="<script>alert(1)</script>"))
    html = page(*gathered(world.services, world.model, "1", day(20)))
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert '<h2 id="card">Decision card</h2>' in html
    assert "PROMOTE: toy version 1" in html


def test_the_command_writes_both_files(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a version it is the champion's; the JSON holds what the page shows."""
    monkeypatch.setattr(evidence, "connect", lambda: world.services)
    monkeypatch.setattr(evidence, "find_model", lambda _: world.model)
    done = CliRunner().invoke(evidence.command, ["toy", "--folder", str(tmp_path / "review")])
    assert done.exit_code == 0, done.output
    kept = json.loads((tmp_path / "review" / "evidence-toy-v1.json").read_text())
    assert (kept["model"], kept["version"]) == ("toy", "1")
    assert f"Missing: {len(kept['missing'])}" in done.output
    assert (tmp_path / "review" / "evidence-toy-v1.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (Governance(limits="not for children"), "governance.limits 'not for children'"),  # type: ignore[arg-type]
        (Governance(review_every=timedelta(0)), "governance.review_every 0:00:00"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(wrong: Governance, says: str) -> None:
    """A text in place of a list would be read letter by letter."""
    with pytest.raises(ModelError, match=says):
        changed(governance=wrong)
