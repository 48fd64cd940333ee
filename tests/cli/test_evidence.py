"""The evidence pack says what is on record, and names what is missing; nothing else."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from include.cli import evidence
from include.cli.evidence import gathered, page
from include.errors import ModelError, RegistryUnreachable
from include.ledger.state import Fact
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
    tests, validated = (facts(world, "Tests before promotion", version) for version in (number, "1"))
    assert [name for name in tests if name.startswith("check: ")] == [name for name in validated if name.startswith("check: ")]
    assert (tests["verdict"], tests["why"]) == (validated["verdict"], validated["why"])
    assert tests["why"]


def test_conditions_are_in_words_as_on_the_card(world: World) -> None:
    """A kind that was tried at one default rate is not called production; the champion and the challenger have numbers."""
    pack, _ = gathered(world.services, world.model, "1", day(20))
    table = next(section.table for section in pack.sections if section.title == "Tests before promotion")
    assert table is not None
    conditions = {line[0] for line in table.lines}
    assert conditions
    assert not any("@" in name for name in conditions)
    assert {name for name in conditions if "20 % of values" in name}
    assert "challenger 1" in table.head


def approved(world: World, by: str) -> None:
    """A person's answer about version 1, in the ledger."""
    fact = Fact(event="approved", key=f"by {by}", as_of=day(9), by=by, reason="looks right", run_id="r", version="1")
    world.services.ledger.append("toy", fact)


def test_independence_is_claimed_only_of_a_person_who_approved(world: World) -> None:
    """The gate is no approver; a user's name that differs from a team's name proves nothing."""
    people = facts(world, "People")
    assert people["approved by"] == "no person: the gate alone decided"
    assert people["is the approver independent of the owner"] == "no person approved it"
    approved(world, "dora")
    assert facts(world, "People")["approved by"] == "dora"
    assert facts(world, "People")["is the approver independent of the owner"].startswith("not on record: dora approved it")
    approved(world, world.model.owner)
    assert facts(world, "People")["is the approver independent of the owner"] == "no"


def test_criteria_that_changed_since_are_not_shown_as_what_it_passed(world: World) -> None:
    """The floor of today was not asked of version 1."""
    assert "floors" in facts(world, "Tests before promotion")
    world.model = changed(world.model, floor=0.99)
    assert "floors" not in facts(world, "Tests before promotion")
    assert facts(world, "Tests before promotion")["floors, as the model's file says now"].startswith("0.99")
    pack, _ = gathered(world.services, world.model, "1", day(20))
    assert any("the criteria that it was judged by" in line for line in pack.missing)


def test_an_outage_is_no_finding_and_a_changed_list_is_not_absent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow silent: the error itself. A manifest with other bytes: named as changed."""
    key = f"snapshots/toy/{world.registry.versions['1'].tags['holdout']}.json"
    world.lake.objects[key] = (world.lake.objects[key][0] + b" ", world.lake.objects[key][1])
    pack, _ = gathered(world.services, world.model, "1", day(20))
    assert any(line.startswith("the list of the files of its hold-out rows was changed") for line in pack.missing)

    def silent(*_: object) -> str:
        raise RegistryUnreachable("MLflow did not answer")

    monkeypatch.setattr(world.services.registry, "read_report", silent)
    with pytest.raises(RegistryUnreachable):
        gathered(world.services, world.model, "1", day(20))


def test_nothing_is_cut_on_the_page(world: World) -> None:
    """A limit of use at the end of a long text is what a reviewer looks for."""
    world.model = replace(world.model, governance=replace(SAID, intended_use="a" * 400 + " not for credit"))
    assert "not for credit" in page(*gathered(world.services, world.model, "1", day(20)))


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
