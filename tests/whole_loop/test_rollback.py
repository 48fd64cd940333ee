"""Back to the version before, as on call does it: by form, in Airflow, within a minute, and written down."""

import time
from datetime import datetime

import pytest

from include.adapters.ledger import Ledger
from include.ledger.entries import Entry
from tests.whole_loop.conftest import Story
from tests.whole_loop.loop import Loop

pytestmark = pytest.mark.whole_loop
NEVER = "0"


def never_champion(loop: Loop) -> str:
    """A version that never was champion, made now if there is none: any other would be a step back."""
    were = Ledger(loop.lake_store).state(loop.model.name).were_champion
    if never := [str(version.version) for version in loop.versions() if str(version.version) not in were]:
        return never[-1]
    # The champion's own artifact, registered once more: whether a retraining is promoted is for its data to say.
    champion = next(one for one in loop.versions() if str(one.version) == loop.aliases()["champion"])
    source = str(champion.source)
    made = loop.mlflow.create_model_version(
        loop.model.name, source, champion.run_id, tags=champion.tags, model_id=source.removeprefix("models:/")
    )
    return str(made.version)


def change_by_hand(loop: Loop, new: str) -> tuple[str, str]:
    """A user gives the alias to a version in MLflow, and a monitor runs: the champion before, and the one now."""
    old = loop.aliases()["champion"]
    loop.mlflow.set_registered_model_alias(loop.model.name, "champion", new)
    run = loop.trigger("monitor", as_of=loop.delivered_until.isoformat(), reason="after a change by hand")
    assert loop.finished("monitor", run) == "success", loop.tasks("monitor", run)
    loop.settle(run, loop.delivered_until)
    assert f"version {new} was made champion by hand; version {old} was" in loop.log("monitor", run, "reconcile")
    return old, new


@pytest.fixture
def by_hand(loop: Loop, first_champion: Story) -> tuple[str, str]:
    """Another version than the champion is champion by hand."""
    others = [str(v.version) for v in loop.versions() if str(v.version) != loop.aliases()["champion"]]
    return change_by_hand(loop, others[-1] if others else never_champion(loop))


def ledger(loop: Loop) -> list[Entry]:
    """All entries, proved."""
    return Ledger(loop.lake_store).proved(loop.model.name)


def test_a_change_by_hand_is_noticed_and_a_rollback_undoes_it(loop: Loop, first_champion: Story) -> None:
    """The monitor writes down what MLflow forgets; the form leads back, first as a dry run, then within a minute."""
    old, new = change_by_hand(loop, never_champion(loop))
    noticed = next(entry for entry in reversed(ledger(loop)) if entry.event == "changed_by_hand")
    assert (noticed.before, noticed.champion, noticed.by) == (old, new, "a user in MLflow")
    dry = loop.trigger("rollback", reason="does it work?", dry_run=True)
    assert loop.finished("rollback", dry) == "success", loop.tasks("rollback", dry)
    assert f"version {old} can replace version {new}" in loop.log("rollback", dry, "roll_back")
    assert loop.aliases()["champion"] == new
    began = time.monotonic()
    run = loop.trigger("rollback", reason="answers are <b>odd</b> since noon")
    assert loop.finished("rollback", run) == "success", loop.tasks("rollback", run)
    assert time.monotonic() - began < 60
    assert loop.aliases()["champion"] == old
    newest = ledger(loop)[-1]
    assert (newest.event, newest.by, newest.reason, newest.run_id) == (
        "rolled_back",
        "admin",
        "answers are <b>odd</b> since noon",
        run,
    )
    failed = loop.mlflow.get_model_version(loop.model.name, new)
    assert "admin: answers are <b>odd</b>" in failed.tags["rolled_back"]
    page = loop.api.page(f"ledger/{loop.dag('rollback')}")
    assert "answers are &lt;b&gt;odd&lt;/b&gt; since noon" in page
    assert "<b>odd" not in page


def test_a_refused_rollback_says_why_and_moves_nothing(loop: Loop, by_hand: tuple[str, str]) -> None:
    """Red in verify_target, before anything moves: an unknown target, and no reason."""
    for form, why in (
        (
            {"target": NEVER, "reason": "x"},
            f"target '{NEVER}' was never champion, so it never passed the gate. Accepted are:",
        ),
        ({"reason": " "}, "was started without a reason"),
    ):
        run = loop.trigger("rollback", **form)
        assert loop.finished("rollback", run) == "failed"
        assert loop.tasks("rollback", run) == {"verify_target": "failed", "roll_back": "upstream_failed"}
        assert why in loop.log("rollback", run, "verify_target")
    assert loop.aliases()["champion"] == by_hand[1]


def test_probation_can_start_a_rollback(loop: Loop, by_hand: tuple[str, str]) -> None:
    """The event that the monitor emits names target and reason; both are in the ledger."""
    old, _ = by_hand
    asset = f"{loop.model.name}.needs_rollback"
    extra = {"as_of": datetime(2013, 1, 7).isoformat(), "reason": "worse by 0.1 at look 2", "target": old, "by": "probation"}
    since = loop.api.post_event(asset, extra)
    run = loop.started("rollback", since)
    assert loop.finished("rollback", run) == "success", loop.tasks("rollback", run)
    newest = ledger(loop)[-1]
    assert (newest.event, newest.champion, newest.by, newest.reason) == (
        "rolled_back",
        old,
        # A client that posts to Airflow may give any name.
        "an event posted to the API",
        extra["reason"],
    )
