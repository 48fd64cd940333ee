"""What Prefect leaves to people and is done here, and both orchestrators at work on one model at once."""

import pytest

from tests.prefect.driver import AirflowDriver, PrefectDriver
from tests.prefect.more_models import EVERY_OTHER_MINUTE
from tests.prefect.place import MODEL, Place
from tests.whole_loop.loop import wait_for
from tests.whole_loop.test_killed import kill

pytestmark = pytest.mark.timeout(1200)
RETRAIN = f"{MODEL}.retrain"


def performing_select(driver: PrefectDriver, place: Place, reason: str) -> str:
    """A retraining that is in select, its longest step; its id."""
    run = place.trigger(driver, "retrain", as_of=place.until.isoformat(), reason=reason, force=True)
    wait_for(
        lambda: driver.performing(RETRAIN, run, "select"),
        lambda: f"select to run, but {driver.api.tasks(RETRAIN, run)}",
        seconds=300,
        every=0.05,
    )
    return run


def test_a_run_whose_own_process_is_killed_goes_on(prefect: PrefectDriver, place: Place) -> None:
    """The same run, by itself: what it had done is not done again, and its version is registered once."""
    run = performing_select(prefect, place, "the run is killed")
    kill(*prefect.processes_of(run))
    place.finish(prefect, "retrain", run)
    assert [task["state_name"] for task in prefect.prefect.task_runs(run) if task["name"] == "assemble"][-1] == "Cached"
    assert len(place.versions_of(run)) == 1
    place.ledger()


def test_runs_that_a_lost_machine_leaves_are_taken_up(prefect: PrefectDriver, place: Place) -> None:
    """Server, serving process, runs and steps die at once, as when a machine loses power; started again, the run goes on."""
    run = performing_select(prefect, place, "the machine is lost")
    kill(*prefect.processes(), *prefect.processes("prefect-server"))
    prefect.start()
    prefect.pause(f"{EVERY_OTHER_MINUTE}.monitor")
    place.finish(prefect, "retrain", run)
    assert len(place.versions_of(run)) == 1
    assert all(one.info.status != "RUNNING" for one in place.runs_in_mlflow())


def test_an_approval_is_void_once_the_other_orchestrator_has_promoted(
    prefect: PrefectDriver, airflow: AirflowDriver, place: Place
) -> None:
    """Both retrain at once; Airflow's challenger is promoted, so the yes to Prefect's moves nothing, and the ledger holds."""
    place.without_champion()
    as_of = place.until.isoformat()
    by_prefect = place.trigger(prefect, "retrain", as_of=as_of, reason="Prefect's", force=True)
    place.asked(prefect, by_prefect)
    by_airflow = place.trigger(airflow, "retrain", as_of=as_of, reason="Airflow's", force=True)
    place.finish(airflow, "retrain", by_airflow, "approve", "the faster one")
    (promoted,) = place.versions_of(by_airflow)
    assert place.champion() == promoted
    place.finish(prefect, "retrain", by_prefect, "approve", "too late")
    assert place.champion() == promoted
    assert "refused" in [entry.event for entry in place.ledger()[-2:]]
