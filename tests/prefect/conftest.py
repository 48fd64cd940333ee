"""One lake and one registry, and both orchestrators on them at once: each promise is asked of either."""

from collections.abc import Iterator

import pytest

from deploy.local import environment
from deploy.local.stack import Ports, Stack
from tests.prefect.driver import AirflowDriver, Driver, PrefectDriver
from tests.prefect.more_models import BY_NAME, EVERY_OTHER_MINUTE, IN_MLFLOW, STRANGER, copy_with_more_models
from tests.prefect.place import MODEL, Place

# Airflow is started for the first test that asks it.
_PARTS = ("seaweedfs", "mlflow", "prefect")
_REVIEW = ("PROVING_GROUND_REVIEW", "traffic_volume=orchestrator")
# One more user of Airflow, who may do what a user may.
_USERS = {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"admin:admin,viewer:viewer,{STRANGER}:op"}
_SERVED = {f"{model}.{stage}" for model in (MODEL, IN_MLFLOW, BY_NAME) for stage in ("monitor", "retrain", "rollback")}
_SERVED |= {f"{EVERY_OTHER_MINUTE}.monitor"}


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack for both; a person is asked before any promotion."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*_REVIEW)
        patch.setattr(environment, "PROJECT", copy_with_more_models(tmp_path_factory.mktemp("project")))
        stack = Stack(tmp_path_factory.mktemp("both"), Ports.free(), _USERS)
        stack.start(_PARTS)
        # Also for the parts that a test starts again.
        yield stack
        stack.stop()


@pytest.fixture(scope="session")
def prefect(both: Stack) -> PrefectDriver:
    """Prefect, serving every model."""
    driver = PrefectDriver(both)
    driver.prefect.wait_for_flows(_SERVED, seconds=120)
    driver.pause(f"{EVERY_OTHER_MINUTE}.monitor")
    return driver


@pytest.fixture(scope="session")
def airflow(both: Stack) -> AirflowDriver:
    """Airflow, knowing its DAGs."""
    both.start(["airflow"])
    driver = AirflowDriver(both)
    driver.airflow.wait_for_dags(_SERVED, seconds=120)
    driver.pause(f"{EVERY_OTHER_MINUTE}.monitor")
    return driver


@pytest.fixture(scope="session", params=["prefect", "airflow"])
def driver(request: pytest.FixtureRequest) -> Driver:
    """One of the two."""
    found: Driver = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def first(both: Stack, prefect: PrefectDriver) -> Place:
    """The lake with a first champion, which Prefect made: a delivery, its event, the monitor, its event, a person's yes."""
    place = Place(both)
    place.make_first_champion(prefect)
    return place


@pytest.fixture(scope="session")
def place(first: Place) -> Place:
    """The same lake for every promise."""
    return first


@pytest.fixture(scope="session")
def in_mlflow(both: Stack, prefect: PrefectDriver) -> Place:
    """The lake of a model that is reviewed in MLflow, by alice alone; its first challenger was rejected there."""
    place = Place(both, IN_MLFLOW)
    retrain = place.deliver_first(prefect)
    version = place.asked_in_mlflow(retrain)
    place.tag(version, review=f"reject-{place.evidence(version)}", review_by="alice")
    place.finish(prefect, "retrain", retrain)
    assert place.champion() is None
    return place


@pytest.fixture(scope="session")
def by_name(both: Stack, prefect: PrefectDriver) -> Place:
    """The lake of a model that names its reviewers; its first challenger was rejected."""
    place = Place(both, BY_NAME)
    place.finish(prefect, "retrain", place.deliver_first(prefect), "reject", "a test")
    assert place.champion() is None
    return place
