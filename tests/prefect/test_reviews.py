"""Who may answer, and where: promises that both orchestrators keep about a model that names its reviewers."""

import pytest

from tests.prefect.driver import Driver
from tests.prefect.more_models import BY_NAME, IN_MLFLOW, STRANGER
from tests.prefect.place import Place
from tests.whole_loop.loop import wait_for

pytestmark = pytest.mark.timeout(1200)


def test_a_review_in_mlflow_is_answered_there_by_a_reviewer(driver: Driver, in_mlflow: Place) -> None:
    """Another name is told that it does not count, and the review waits on without a process; the reviewer's yes decides."""
    place, pipeline = in_mlflow, f"{IN_MLFLOW}.retrain"
    place.without_champion()
    run = place.forced(driver, "a review in MLflow")
    version = place.asked_in_mlflow(run)
    wait_for(lambda: not driver.holds_a_process(pipeline, run), "the run to hold no process", seconds=60)
    place.tag(version, review=f"approve-{place.evidence(version)}", review_by=STRANGER)
    told = wait_for(lambda: place.tags(version).get("reviewed"), "the stranger to be told", seconds=90)
    assert told.startswith(f"not counted: {STRANGER} is none of the reviewers")
    assert driver.api.seen(pipeline, run).state == "running"
    assert place.champion() is None

    place.tag(version, review_by="alice", review_reason="trucks")
    place.finish(driver, "retrain", run)
    assert place.champion() == version
    assert place.tags(version)["reviewed"].endswith("approved by alice: trucks")
    assert [(entry.event, entry.by) for entry in place.ledger()[-3:]] == [
        ("approved", "alice"),
        ("promoting", "alice"),
        ("promoted", "alice"),
    ]


def test_only_a_named_reviewer_can_answer(driver: Driver, by_name: Place) -> None:
    """Another user's yes is refused at once, and the question stays; a reviewer's is taken, and is in the ledger."""
    place, pipeline = by_name, f"{BY_NAME}.retrain"
    place.without_champion()
    run = place.forced(driver, "a review by name")
    place.asked(driver, run)
    assert driver.refused_answer(pipeline, run)
    assert driver.is_asking(pipeline, run)
    assert place.champion() is None
    place.finish(driver, "retrain", run, "approve", "as good as we need it")
    (version,) = place.versions_of(run)
    assert place.champion() == version
    assert ("approved", driver.person) in [(entry.event, entry.by) for entry in place.ledger()[-3:]]
