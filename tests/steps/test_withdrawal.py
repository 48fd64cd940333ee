"""A delivery that is withdrawn leaves everything that is decided from then on; what was decided can still be reproduced."""

from copy import deepcopy
from datetime import timedelta

import pytest

from include.adapters.registry import EVIDENCE, card_path
from include.champion.withdrawal import Withdrawal, withdraw
from include.decisions.monitoring.quality import Judged
from include.errors import DataError, ToolError
from include.request import Request
from include.services import StepContext
from tests.crashing import Process, dying
from tests.toy import DAY, World, day, rows


def withdrawn(world: World, key: str, as_of: int = 12, reason: str = "sensor 7 was broken") -> Withdrawal:
    request = Request(as_of=day(as_of), reason=reason, run_id=f"withdraw {as_of}", reason_given=True, asked_by="carol")
    return withdraw(StepContext(world.services, world.model, request), key, world.landing)


def ids(world: World, number: int) -> set[str]:
    return set(world.services.lake.rows(world.model, day(number), day(number + 1))["id"])


def test_its_rows_are_gone_from_all_later_use(seasoned: World) -> None:
    """Training, hold-outs and quality read the same rows of the lake."""
    assert len(ids(seasoned, 3)) == 60
    withdrawn(seasoned, "toy/features/03.csv")
    assert ids(seasoned, 3) == set()
    assert len(ids(seasoned, 4)) == 60
    assert seasoned.do("pull", day(12)).files == ()


def test_the_file_is_put_aside_in_landing(seasoned: World) -> None:
    """No later taking-in of the whole history finds it, and nothing is lost."""
    data = seasoned.landing.read("toy/features/03.csv")
    withdrawn(seasoned, "toy/features/03.csv")
    assert seasoned.landing.stat("toy/features/03.csv") is None
    assert seasoned.landing.read("toy/_withdrawn/features/03.csv") == data


def test_a_file_that_was_not_taken_in_yet_never_is(seasoned: World) -> None:
    """The next run finds nothing."""
    key = seasoned.deliver("features", "08", rows(8).drop(columns="y"))
    withdrawn(seasoned, key)
    assert seasoned.do("pull", day(12)).files == ()


def test_a_later_delivery_under_its_name_counts_again(seasoned: World) -> None:
    """What was delivered last is what counts."""
    withdrawn(seasoned, "toy/features/03.csv")
    seasoned.deliver("features", "03", rows(3).drop(columns="y").head(10))
    seasoned.take_in(day(12))
    assert len(ids(seasoned, 3)) == 10
    withdrawn(seasoned, "toy/features/03.csv", as_of=13)
    assert ids(seasoned, 3) == set()
    assert [entry.event for entry in seasoned.services.ledger.proved("toy")].count("withdrawn") == 2


def test_what_another_file_said_of_its_rows_counts_again(seasoned: World) -> None:
    """A withdrawn correction leaves the row as it was before it."""
    corrected = rows(3).drop(columns="y").head(5).assign(x=9.0)
    key = seasoned.deliver("features", "03_corrected", corrected)
    seasoned.take_in(day(12))
    assert (seasoned.services.lake.rows(seasoned.model, day(3), day(4))["x"] == 9.0).sum() == 5
    withdrawn(seasoned, key)
    assert (seasoned.services.lake.rows(seasoned.model, day(3), day(4))["x"] == 9.0).sum() == 0
    assert len(ids(seasoned, 3)) == 60


def test_snapshots_stay_and_their_versions_are_told(seasoned: World) -> None:
    """The ledger names the snapshots; tag, card and description of the version say that it saw withdrawn rows."""
    digest = seasoned.registry.versions["1"].tags["train_digest"]
    before = seasoned.services.lake.read_snapshot(seasoned.model, digest)
    found = withdrawn(seasoned, "toy/features/03.csv")
    assert (found.rows, found.trained, found.judged) == (60, ("1",), ())
    assert digest in found.snapshots
    assert seasoned.services.lake.read_snapshot(seasoned.model, digest).equals(before)
    entry = seasoned.services.ledger.proved("toy")[-1]
    assert (entry.event, entry.by) == ("withdrawn", "carol")
    assert digest in entry.evidence["snapshots"]
    assert "sensor 7 was broken" in entry.reason
    words = "Trained on rows that were withdrawn: toy/features/03.csv, by carol: sensor 7 was broken"
    assert seasoned.registry.versions["1"].tags["withdrawn_rows"] == words
    card = seasoned.services.registry.read_report(seasoned.registry.versions["1"].run_id, "decision_card.md")
    assert card.startswith("> **Trained on rows that were withdrawn")
    assert seasoned.registry.descriptions["1"].startswith("> **Trained on rows that were withdrawn")


def test_a_version_that_was_judged_on_them_is_told_too(seasoned: World) -> None:
    """Its evidence rests on them."""
    assert withdrawn(seasoned, "toy/labels/07.csv").judged == ("1",)
    assert "Judged on rows" in seasoned.registry.versions["1"].tags["withdrawn_rows"]


def test_quality_of_their_periods_is_measured_again(seasoned: World) -> None:
    """Some rows of day 8 have turned answers: once they are withdrawn, quality is what it is on the others."""
    good, bad = rows(8), rows(8, turned=True).assign(id=lambda table: "bad-" + table["id"])
    for name, table in (("08", good), ("08-bad", bad)):
        seasoned.deliver("features", name, table.drop(columns="y"))
        seasoned.deliver("labels", name, table[["id", "at", "y"]])
    for number in range(9, 16):
        seasoned.deliver_day(number)
    seasoned.take_in(day(10))
    measured_on(seasoned, 10)
    low = judged(seasoned, 8)
    assert (low.rows, low.value < 0.7) == (120, True)
    seasoned.take_in(day(17))
    measured_on(seasoned, 17)
    withdrawn(seasoned, "toy/features/08-bad.csv", as_of=17)
    measured_on(seasoned, 17)
    assert judged(seasoned, 8).rows == 60
    assert judged(seasoned, 8).value > 0.8
    withdrawn(seasoned, "toy/features/08.csv", as_of=17)
    measured_on(seasoned, 17)
    assert day(8) not in seasoned.services.lake.remembered("toy", "1", Judged, day(20))


def measured_on(world: World, number: int) -> None:
    world.do("measure_quality", day(number), scored=world.scored(day(number)))


def judged(world: World, number: int) -> Judged:
    return world.services.lake.remembered("toy", "1", Judged, day(30))[day(number)]


def test_labels_can_be_withdrawn_alone(seasoned: World) -> None:
    """The rows stay, without labels."""
    withdrawn(seasoned, "toy/labels/03.csv")
    there = seasoned.services.lake.rows(seasoned.model, day(3), day(3) + DAY)
    assert (len(there), there["y"].notna().sum()) == (60, 0)


def test_an_unknown_file_is_refused(seasoned: World) -> None:
    """Nothing is written for a name that was mistyped."""
    before = dict(seasoned.lake.objects)
    with pytest.raises(ToolError, match=r"no run of toy\.monitor has taken in a file of that name"):
        withdrawn(seasoned, "toy/features/33.csv")
    assert seasoned.lake.objects == before


def test_a_withdrawal_that_died_is_finished_by_the_next(seasoned: World) -> None:
    """Killed after any of its writes, the same command leaves what an undisturbed one leaves, and one entry."""

    def work(world: World, process: Process) -> None:
        request = Request(as_of=day(12), reason="broken", run_id="withdraw", reason_given=True, asked_by="carol")
        withdraw(StepContext(process.within(world.services, world.lake), world.model, request), key, world.landing)

    key, calm = "toy/features/03.csv", Process()
    undisturbed = deepcopy(seasoned)
    work(undisturbed, calm)
    assert len(calm.writes) > 5
    for number in calm.writes:
        world = deepcopy(seasoned)
        with dying():
            work(world, Process(dies_after=number))
        work(world, Process())
        assert ids(world, 3) == set()
        assert [entry.event for entry in world.services.ledger.proved("toy")].count("withdrawn") == 1
        assert world.registry.versions["1"].tags["withdrawn_rows"] == undisturbed.registry.versions["1"].tags["withdrawn_rows"]
        assert world.registry.descriptions == undisturbed.registry.descriptions


def by_form(world: World, key: str, as_of: int = 12, **asked: object) -> str:
    """What reconcile says, where the form of the monitor asks for a withdrawal."""
    return str(world.do("reconcile", day(as_of), asked={"withdraw": key, "reason": "sensor 7 was broken"} | asked).summary)


def test_the_form_withdraws_without_touching_landing(seasoned: World) -> None:
    """The pipeline's own keys may not write there: its rows count no more, and no later run takes the file in again."""
    before = dict(seasoned.landing.objects)
    said = by_form(seasoned, "toy/features/03.csv")
    assert "60 rows of toy/features/03.csv are withdrawn; trained on them: version 1" in said
    assert ids(seasoned, 3) == set()
    assert seasoned.landing.objects == before
    assert seasoned.do("pull", day(12)).files == ()
    entry = seasoned.services.ledger.proved("toy")[-1]
    assert (entry.event, entry.by) == ("withdrawn", "carol")


def test_the_form_withdraws_what_was_not_taken_in_yet(seasoned: World) -> None:
    """It stays in landing and is done with; under its name a new delivery counts."""
    key = seasoned.deliver("features", "08", rows(8).drop(columns="y"))
    by_form(seasoned, key)
    assert seasoned.do("pull", day(12)).files == ()
    seasoned.deliver("features", "08", rows(8, count=20).drop(columns="y"))
    seasoned.take_in(day(13))
    assert len(ids(seasoned, 8)) == 20


def test_the_form_twice_does_it_once(seasoned: World) -> None:
    """A cleared task repeats nothing."""
    for _ in range(2):
        by_form(seasoned, "toy/features/03.csv")
    assert [entry.event for entry in seasoned.services.ledger.proved("toy")].count("withdrawn") == 1


def test_what_the_form_cannot_withdraw_is_refused(seasoned: World) -> None:
    """A mistyped key, and no reason."""
    with pytest.raises(ToolError, match=r"'toy/features/99\.csv' is not in landing"):
        by_form(seasoned, "toy/features/99.csv")
    with pytest.raises(DataError, match="was to withdraw without a reason"):
        by_form(seasoned, "toy/features/03.csv", reason_given=False)
    assert len(ids(seasoned, 3)) == 60


def test_a_withdrawal_is_about_the_present_whatever_time_the_run_is_about(seasoned: World) -> None:
    """A run as of last year, made today, withdraws what came today; what is delivered later under the name counts."""
    by_form(seasoned, "toy/features/03.csv", as_of=-400)
    assert ids(seasoned, 3) == set()
    seasoned.deliver("features", "03", rows(3).drop(columns="y").head(10))
    seasoned.take_in(day(13))
    assert len(ids(seasoned, 3)) == 10


def from_the_form(world: World, key: str, as_of: int = 12, run_id: str = "run") -> str:
    asked = {"withdraw": key, "reason": "broken", "run_id": run_id}
    return str(world.do("reconcile", day(as_of), asked=asked).summary)


def test_a_cleared_run_withdraws_no_later_delivery(seasoned: World) -> None:
    """Withdrawn, delivered again as it should be: clearing the run that withdrew it leaves the corrected file alone."""
    said = from_the_form(seasoned, "toy/features/03.csv")
    seasoned.landing.now = day(12) + timedelta(hours=2)
    seasoned.deliver("features", "03", rows(3).drop(columns="y").head(10))
    assert from_the_form(seasoned, "toy/features/03.csv") == said
    seasoned.take_in(day(13))
    assert from_the_form(seasoned, "toy/features/03.csv") == said
    assert len(ids(seasoned, 3)) == 10
    assert [entry.event for entry in seasoned.services.ledger.proved("toy")].count("withdrawn") == 1


def test_what_a_run_took_in_that_died_is_not_taken_in_again(seasoned: World) -> None:
    """The form leaves the file in landing; the same run, which counts what the dead one left, passes it over."""
    key = seasoned.deliver("features", "08", rows(8).drop(columns="y"))
    seasoned.do("check", day(12), batch=seasoned.do("pull", day(12)))
    assert len(ids(seasoned, 8)) == 60
    from_the_form(seasoned, key, as_of=13)
    batch = seasoned.do("pull", day(13))
    seasoned.do("check", day(13), batch=batch)
    assert (batch.files, ids(seasoned, 8)) == ((), set())
    assert seasoned.services.lake.intakes("toy", key)[-1].withdrawn


def test_others_of_a_dead_run_are_still_counted(seasoned: World) -> None:
    """Withdrawing one file leaves the next one to the run that counts."""
    for number in (8, 9):
        seasoned.deliver("features", f"0{number}", rows(number).drop(columns="y"))
    seasoned.do("check", day(12), batch=seasoned.do("pull", day(12)))
    from_the_form(seasoned, "toy/features/08.csv", as_of=13)
    assert [file.key for file in seasoned.do("pull", day(13)).files] == ["toy/features/09.csv"]


def test_the_mark_cuts_no_table_of_the_description(seasoned: World) -> None:
    """A card longer than what MLflow keeps is shortened at the end of a line, and the mark stands first."""
    version, line = seasoned.registry.versions["1"], "| a | table | of | many | lines |"
    for path in ("decision_card.md", card_path(version.tags[EVIDENCE])):
        seasoned.services.registry.log_report(version.run_id, path, "\n".join([line] * 300))
    withdrawn(seasoned, "toy/features/03.csv")
    description = seasoned.registry.descriptions["1"]
    assert description.startswith("> **Trained on rows that were withdrawn")
    assert len(description) <= 5000
    assert {len(one) for one in description.splitlines() if one.startswith("| a")} == {len(line)}
