"""The values for Kubernetes, with Celery, as plain processes: neither the chart nor a cluster is there.

Postgres, Redis, the object store and MLflow are those of docker-compose.yaml; Airflow's configuration, variables, Secrets and
the api-server's command are those of deploy/kubernetes.
"""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import requests

from deploy.kubernetes.make_secrets import made, read
from deploy.local.environment import PROJECT
from tests.deploy.test_kubernetes import CELERY, FROM_SECRETS, at, referenced
from tests.grown_up.composed import Composed, free_port, home
from tests.whole_loop.loop import FIRST, Loop

pytestmark = pytest.mark.timeout(900)
CELERY_APP = "airflow.providers.celery.executors.celery_executor.app"
# The chart's own commands where the values name none, and its probes, which begin with /entrypoint.
COMMANDS = {
    "api-server": CELERY["apiServer"]["args"],
    "scheduler": ["bash", "-c", "exec airflow scheduler"],
    "dag-processor": ["bash", "-c", "exec airflow dag-processor"],
    "triggerer": ["bash", "-c", "exec airflow triggerer"],
    "worker": ["bash", "-c", "exec airflow celery worker"],
}
PROBES = {
    "scheduler": "airflow jobs check --job-type SchedulerJob --local",
    "dag-processor": "airflow jobs check --local --job-type DagProcessorJob",
    "triggerer": "airflow jobs check --job-type TriggererJob --local",
    "worker": f"python -m celery --app {CELERY_APP} inspect ping -d celery@$(hostname)",
}
KEDA = (
    "select ceil(count(*)::decimal / %s) from task_instance "
    "where (state = 'running' or state = 'queued') and queue in ('default')"
)
# What belongs to a place: the object store, and the two ports for logs that a machine has only once.
PLACES = {"https://s3.us-east-1.amazonaws.com": "http://s3:8333", "airflow-redis": "redis"}
TEMPLATES = {'{{ include "airflow.fullname" . }}-': "", "{{ .Values.ports.apiServer }}": "8080"}


class Released(Composed):
    """The services of compose, of which Airflow's five get what stands in the values."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.secrets = made(read((home / ".env").read_text()), "postgres")
        (home / "passwords.json").write_text(self.secrets["proving-ground"]["passwords.json"])
        # As a mounted Secret is: for reading alone.
        (home / "passwords.json").chmod(0o440)

    def command(self, service: str) -> list[str]:
        """The chart's."""
        if service not in COMMANDS:
            return super().command(service)
        return [self.translated(word, service) for word in COMMANDS[service]]

    def variables(self, service: str) -> dict[str, str]:
        """The variables that its pod would have; its airflow.cfg is written on the way."""
        if service not in COMMANDS:
            return super().variables(service)
        found = {item["name"]: item["value"] for item in CELERY["env"]}
        names = {item["name"] for item in CELERY["apiServer"]["env"]} if service != "api-server" else set()
        found |= {name: self.secrets[where][key] for name, (where, key) in referenced(CELERY).items() if name not in names}
        assert all(at(CELERY, path) for path, _ in FROM_SECRETS.values())
        found |= {"AIRFLOW_HOME": CELERY["airflowHome"], "AIRFLOW__CORE__EXECUTOR": CELERY["executor"]}
        self._configure(service)
        logs = {f"AIRFLOW__LOGGING__{part}_LOG_SERVER_PORT": str(free_port()) for part in ("WORKER", "TRIGGER")}
        return {name: self.translated(value, service) for name, value in found.items()} | logs

    def translated(self, text: str, service: str) -> str:
        """What a template says, and what belongs to a place; then what compose's table says."""
        for there, here in (TEMPLATES | PLACES).items():
            text = text.replace(there, here)
        return super().translated(text.replace("/run/secrets/airflow", str(self.home)), service)

    def probe(self, service: str) -> subprocess.CompletedProcess[str]:
        """The chart's liveness probe, without the image's /entrypoint."""
        return subprocess.run(
            ["sh", "-c", f"CONNECTION_CHECK_MAX_COUNT=0 AIRFLOW__LOGGING__LOGGING_LEVEL=ERROR exec {PROBES[service]}"],
            env=self.surroundings(service, service),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def _configure(self, service: str) -> None:
        home = self.home / service
        (home / "auth").mkdir(parents=True, exist_ok=True)
        sections = (
            f"[{section}]\n" + "".join(f"{name} = {self.translated(str(value), service)}\n" for name, value in options.items())
            for section, options in CELERY["config"].items()
        )
        (home / "airflow.cfg").write_text("\n".join(sections))


@pytest.fixture(scope="module")
def released() -> Iterator[Released]:
    """In the order of docs/kubernetes.md: databases and buckets, MLflow, `airflow db migrate`, and then the services."""
    with home("released") as folder:
        yield from _started(Released(folder))


def _started(released: Released) -> Iterator[Released]:
    try:
        released.start_and_wait("postgres", "redis", "seaweedfs", "s3")
        released.run("prepare")
        released.start("mlflow")
        migrated = ["bash", "-c", "exec airflow db migrate && airflow db check-migrations"]
        around = released.surroundings("scheduler", "migrate")
        answer = subprocess.run(migrated, env=around, capture_output=True, text=True)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        released.start_and_wait("api-server")
        for service in ("scheduler", "dag-processor", "triggerer", "worker"):
            released.start(service)
        for service in ("mlflow", "scheduler", "dag-processor", "triggerer"):
            released.wait_healthy(service, seconds=180)
        yield released
    finally:
        released.stop()


def test_a_delivery_is_checked_by_a_worker(released: Released) -> None:
    """Everything that a task needs is in the values: it finds store, registry, api-server and the logs' volume."""
    loop = Loop(released)  # type: ignore[arg-type]  # it has what Loop asks of a stack
    loop.api.wait_for_dags({loop.dag("monitor")}, seconds=90)
    loop.upstream.backlog(FIRST)
    monitor = loop.deliver(loop.next_week())
    assert loop.finished("monitor", monitor) == "success", loop.tasks("monitor", monitor)
    assert "triage" in loop.log("monitor", monitor, "triage")


@pytest.mark.parametrize("service", PROBES)
def test_the_probes_of_the_chart_say_yes(service: str, released: Released) -> None:
    """What lives is not killed: the image and the values have what each probe asks for."""
    answer = released.probe(service)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_keda_learns_how_many_workers_there_should_be(released: Released) -> None:
    """The chart's question, at the address that KEDA reads: a task that waits or runs asks for a worker."""
    address = released.translated(released.secrets["proving-ground-database"]["connection"], "worker")
    with closing(psycopg2.connect(address)) as connection, connection.cursor() as cursor:
        cursor.execute(KEDA, (CELERY["config"]["celery"]["worker_concurrency"],))
        (idle,) = cursor.fetchone() or (None,)
        # Three more than run by themselves, taken back at the end.
        cursor.execute("update task_instance set state = 'queued' where id in (select id from task_instance limit 3)")
        cursor.execute(KEDA, (CELERY["config"]["celery"]["worker_concurrency"],))
        (busy,) = cursor.fetchone() or (None,)
        connection.rollback()
    assert idle is not None
    assert busy is not None
    assert busy >= max(idle, 2)


def test_the_token_and_the_password_are_those_of_the_secret(released: Released) -> None:
    """The metrics open for the token alone, and `admin` has the password that was made."""
    token = released.secrets["proving-ground"]["PROVING_GROUND_METRICS_TOKEN"]
    page = f"{released.airflow_url}/proving-ground/metrics"
    headers = [{"Authorization": f"Bearer {credential}"} for credential in (token, "x")]
    codes = [requests.get(page, headers=header, timeout=60).status_code for header in headers]
    assert codes == [200, 401]
    who = {"username": "admin", "password": released.passwords["admin"]}
    assert requests.post(f"{released.airflow_url}/auth/token", json=who, timeout=60).status_code == 201
    assert not (PROJECT / "airflow.cfg").exists()
