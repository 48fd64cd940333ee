"""How each component is started, and how it is known to answer."""

import base64
import json
import sys
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.environment import BUCKETS, PROJECT, Ports, Secrets, write_private
from deploy.local.processes import Running, wait_for, wait_until_done

PARTS: dict[str, tuple[str, ...]] = {
    "seaweedfs": ("seaweedfs",),
    "mlflow": ("mlflow",),
    # Each on its own, not `airflow standalone`: that is one more Airflow import before the first of them starts, serves task
    # logs to the network on two more ports, and leaves its children behind on SIGTERM.
    "airflow": ("api-server", "scheduler", "dag-processor", "triggerer"),
    "prefect": ("prefect-server", "prefect-flows"),
}
# What is started for an orchestrator: by default Airflow.
STACKS = {name: ("seaweedfs", "mlflow", name) for name in ("airflow", "prefect")}

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Launch = Callable[[str, list[str]], Running]

_PATIENCE = 180


def start_seaweedfs(launch: Launch, home: Path, ports: Ports, secret: Secrets) -> None:
    """The object store with its three buckets; returns once it has taken and given back bytes."""
    data = home / "seaweedfs"
    data.mkdir(exist_ok=True)
    numbers = dict(zip(("s3", "master", "filer", "volume", "admin"), range(ports.s3, ports.s3 + 5), strict=True))
    component = launch(
        "seaweedfs",
        [
            str(Path(sys.executable).with_name("weed")),
            "mini",
            f"-dir={data}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            *(f"-{name}.port={number}" for name, number in numbers.items()),
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            # A misspelt bucket is to fail, not to appear.
            "-s3.autoCreateBucket=false",
            # The administrator alone may make users for the roles: deploy/s3_roles.py.
            "-s3.iam.readOnly=false",
            "-admin.ui=false",
            "-webdav=false",
            "-master.telemetry=false",
        ],
    )
    client = _s3_client(ports, secret)
    wait_for(component, lambda: _keeps_bytes(client), seconds=60)


def start_mlflow(launch: Launch, home: Path, ports: Ports) -> None:
    """The tracking server and registry; it creates its database itself, before its one worker connects."""
    component = launch(
        "mlflow",
        [
            *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
            *("--host", "127.0.0.1", "--port", str(ports.mlflow)),
            *("--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}"),
            *("--artifacts-destination", "s3://mlflow"),
        ],
    )
    # Not /health: it says yes before the database answers.
    address = f"http://127.0.0.1:{ports.mlflow}/api/2.0/mlflow/experiments/get?experiment_id=0"
    wait_for(component, lambda: "experiment" in _get(address), seconds=_PATIENCE)


def start_airflow(launch: Launch, home: Path, ports: Ports, secret: Secrets) -> None:
    """Database first, then the four components side by side; returns once each of them has reported."""
    folder = home / "airflow"
    folder.mkdir(exist_ok=True)
    write_private(folder / "passwords.json", json.dumps(secret.passwords))
    migration = launch("airflow-migration", [sys.executable, "-m", "airflow", "db", "migrate"])
    wait_until_done(migration)
    # Logs are read from this disk, so nothing needs to serve them.
    commands = {
        "scheduler": ["scheduler", "--skip-serve-logs"],
        "api-server": ["api-server"],
        "dag-processor": ["dag-processor"],
        "triggerer": ["triggerer", "--skip-serve-logs"],
    }
    components = [launch(name, [sys.executable, "-m", "airflow", *command]) for name, command in commands.items()]
    for component in components:
        wait_for(component, partial(_is_healthy, ports, component.name), seconds=_PATIENCE)


def start_prefect(launch: Launch, home: Path, ports: Ports, secret: Secrets) -> None:
    """The server, which makes its database itself, then the process that serves the flows of every model."""
    (home / "prefect").mkdir(exist_ok=True)
    # An environment of its own: Prefect and Airflow do not fit into one.
    python = str(PROJECT / ".prefect" / "bin" / "python")
    server = launch("prefect-server", [python, "-m", "prefect", "server", "start"])
    login = ("admin", secret.passwords["admin"])
    address = f"http://127.0.0.1:{ports.prefect}/api"
    wait_for(server, lambda: _get(f"{address}/health", login) == "true", seconds=_PATIENCE)
    serving = home / "prefect" / "serving"
    # An earlier start has left it.
    serving.unlink(missing_ok=True)
    flows = launch("prefect-flows", [python, "-m", "flows.serve"])
    wait_for(flows, serving.exists, seconds=_PATIENCE)


def _s3_client(ports: Ports, secret: Secrets) -> "S3Client":
    import boto3
    from botocore.config import Config

    return boto3.session.Session(secret.s3_access_key, secret.s3_secret_key, region_name="us-east-1").client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{ports.s3}",
        config=Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def _keeps_bytes(client: "S3Client") -> bool:
    """Whether every bucket is there, made now if need be, and one of them has given back what it was given."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        present = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        for bucket in BUCKETS:
            if bucket not in present:
                client.create_bucket(Bucket=bucket)
        client.put_object(Bucket=BUCKETS[0], Key=".ready", Body=b"ready")
        answer = client.get_object(Bucket=BUCKETS[0], Key=".ready")["Body"].read()
        client.delete_object(Bucket=BUCKETS[0], Key=".ready")
    except (BotoCoreError, ClientError):
        return False
    return answer == b"ready"


def _is_healthy(ports: Ports, name: str) -> bool:
    health = json.loads(_get(f"http://127.0.0.1:{ports.airflow}/api/v2/monitor/health"))
    part = {"api-server": "metadatabase", "dag-processor": "dag_processor"}.get(name, name)
    return bool(health[part]["status"] == "healthy")


def _get(address: str, login: tuple[str, str] | None = None) -> str:
    # Straight to this machine, whatever proxy the caller's environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    basic = base64.b64encode(":".join(login).encode()).decode() if login else ""
    request = urllib.request.Request(address, headers={"Authorization": f"Basic {basic}"} if login else {})
    with opener.open(request, timeout=10) as answer:
        return str(answer.read(), "utf-8")
