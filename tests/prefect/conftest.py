"""One lake and one registry, and both orchestrators on them at once: each promise is asked of either."""

from collections.abc import Iterator

import pytest

from deploy.local.stack import Ports, Stack
from tests.prefect.driver import AirflowDriver, Driver, PrefectDriver
from tests.prefect.place import Place

# Airflow is started for the first test that asks it.
_PARTS = ("seaweedfs", "mlflow", "prefect")
_REVIEW = ("PROVING_GROUND_REVIEW", "traffic_volume=orchestrator")


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack for both; a person is asked before any promotion."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*_REVIEW)
        stack = Stack(tmp_path_factory.mktemp("both"), Ports.free())
        stack.start(_PARTS)
        # Also for the parts that a test starts again.
        yield stack
        stack.stop()


@pytest.fixture(scope="session")
def prefect(both: Stack) -> PrefectDriver:
    """Prefect, serving every model."""
    driver = PrefectDriver(both)
    driver.prefect.wait_for_flows({f"traffic_volume.{stage}" for stage in ("monitor", "retrain", "rollback")}, seconds=120)
    return driver


@pytest.fixture(scope="session")
def airflow(both: Stack) -> AirflowDriver:
    """Airflow, knowing its DAGs."""
    both.start(["airflow"])
    driver = AirflowDriver(both)
    driver.airflow.wait_for_dags({f"traffic_volume.{stage}" for stage in ("monitor", "retrain", "rollback")}, seconds=120)
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
