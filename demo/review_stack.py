"""A stack of its own in which a first challenger waits for a person: what the pictures of the question are taken of."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import boto3

from demo.upstream import TRAFFIC, WEEK, Upstream
from deploy.local.airflow_api import AirflowApi
from deploy.local.stack import Ports, Stack
from include.adapters.s3_store import S3Store

_FIRST = datetime(2012, 11, 26, tzinfo=UTC)
_MINUTES = 5
# As Airflow calls a task that waits: for an answer in its own page, or for one in MLflow.
_WAITS = ("awaiting_input", "deferred")


@contextmanager
def asking(where: str) -> Iterator[tuple[Stack, str]]:
    """The stack, and the run of `traffic_volume.retrain` that waits for an answer: `orchestrator` or `registry` says where.

    Raises:
        TimeoutError: no run has asked within five minutes.
    """
    with tempfile.TemporaryDirectory() as home:
        stack = Stack(Path(home), Ports.free(), {"PROVING_GROUND_REVIEW": f"{TRAFFIC.name}={where}"})
        try:
            stack.start()
            yield stack, _asked(stack)
        finally:
            stack.stop()


def _asked(stack: Stack) -> str:
    retrain = f"{TRAFFIC.name}.retrain"
    api = AirflowApi(stack.airflow_url, "admin", stack.passwords["admin"])
    api.wait_for_dags({f"{TRAFFIC.name}.monitor", retrain}, seconds=120)
    environment = stack.environment()
    session = boto3.session.Session(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    landing = S3Store(session.client("s3", endpoint_url=stack.s3_endpoint, region_name="us-east-1"), "landing")
    upstream = Upstream(landing, TRAFFIC)
    upstream.backlog(_FIRST)
    upstream.week(_FIRST)
    api.announce_delivery(TRAFFIC.name, (_FIRST + WEEK).isoformat())
    until = time.monotonic() + 60 * _MINUTES
    while time.monotonic() < until:
        for run in api.runs(retrain):
            run_id = str(run["dag_run_id"])
            if api.tasks(retrain, run_id).get("review") in _WAITS:
                return run_id
        time.sleep(1)
    raise TimeoutError(f"no run of {retrain} has asked within {_MINUTES} minutes; {stack.home}/logs says why")
