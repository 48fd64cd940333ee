"""Ports and secrets of the embedded stack, and the environment of its components."""

import base64
import json
import os
import re
import secrets
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from deploy.local.processes import StackError
from include.code_version import commit

PROJECT = Path(__file__).resolve().parent.parent.parent
BUCKETS = ("landing", "lake", "mlflow")
USERS = {"admin": "admin", "viewer": "viewer"}

# Imported once in the server that forks LocalExecutor's workers; a task then finds them in its memory.
# skops comes before Airflow: at import it looks for every ufunc in every module, and Airflow answers each with a warning.
_PRELOADED = (
    "skops.io,airflow,airflow.executors.local_executor,boto3,pandas,pandera.pandas,pyarrow.parquet,scipy.stats,sklearn.ensemble,"
    "sklearn.pipeline,sklearn.compose,mlflow,mlflow.sklearn,mlflow.tracking,evidently,evidently.metrics,evidently.presets,"
    "matplotlib.figure,matplotlib.backends.backend_agg,sklearn.neighbors,sklearn.feature_extraction.text"
)
_GRPC = 10_000


@dataclass(frozen=True)
class Ports:
    """Where the services listen. SeaweedFS takes the four ports above `s3` too, and each of its five plus 10,000."""

    airflow: int = 8080
    mlflow: int = 5000
    s3: int = 8333
    prefect: int = 4200

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Ports":
        """The defaults, overridden by PROVING_GROUND_{AIRFLOW,MLFLOW,S3,PREFECT}_PORT.

        Raises:
            StackError: a value is no port.
        """
        given = {field.name: environment.get(_variable(field.name), "") for field in fields(cls)}
        return cls(**{name: _port(name, text) for name, text in given.items() if text})

    @classmethod
    def named_in(cls, environment: Mapping[str, str]) -> bool:
        """Whether the environment asks for particular ports."""
        return any(environment.get(_variable(field.name)) for field in fields(cls))

    @classmethod
    def free(cls) -> "Ports":
        """Ports that are not in use now, below those that the kernel hands out to clients."""
        while True:
            start = 12_000 + secrets.randbelow(1_000) * 10
            ports = cls(airflow=start + 5, mlflow=start + 6, s3=start, prefect=start + 7)
            if all(is_free(port) for port, _, _ in ports.needed()):
                return ports

    def needed(self) -> list[tuple[int, str, str]]:
        """Every port, with the component that takes it and the variable that moves it."""
        weed = [port + more for port in range(self.s3, self.s3 + 5) for more in (0, _GRPC)]
        ours = [(port, "SeaweedFS", _variable("s3")) for port in weed]
        single = (("airflow", "Airflow"), ("mlflow", "MLflow"), ("prefect", "Prefect"))
        return [*((getattr(self, name), who, _variable(name)) for name, who in single), *ours]


@dataclass(frozen=True)
class Secrets:
    """Made once per home, kept in a file that only its owner can read."""

    s3_access_key: str
    s3_secret_key: str
    jwt_secret: str
    api_secret_key: str
    fernet_key: str
    passwords: dict[str, str]

    @classmethod
    def of(cls, home: Path) -> "Secrets":
        """Those of this home, made now if there are none."""
        path = home / "secrets.json"
        if not path.exists():
            write_private(path, json.dumps(asdict(cls._made()), indent=1))
        return cls(**json.loads(path.read_text()))

    @classmethod
    def _made(cls) -> "Secrets":
        return cls(
            s3_access_key=secrets.token_hex(10),
            s3_secret_key=secrets.token_hex(20),
            jwt_secret=secrets.token_hex(64),
            api_secret_key=secrets.token_hex(32),
            fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            passwords={user: secrets.token_urlsafe(12) for user in USERS},
        )


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; it is never seen half written or readable by others."""
    aside = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    aside.replace(path)


def environment(home: Path, ports: Ports, secret: Secrets) -> dict[str, str]:
    """The variables that every component, and every process that talks to them, is given."""
    return {
        **_plain(),
        **_object_store(ports, secret),
        **_mlflow(ports),
        **_airflow(home, ports, secret),
        **_scheduling(),
        **_prefect(home, ports, secret),
        "PROVING_GROUND_GIT_COMMIT": commit(),
    }


def as_dotenv(variables: Mapping[str, str]) -> str:
    """Lines of a file from which python-dotenv reads the very same values, without interpolation."""
    return "".join(f"{name}={_value(value)}\n" for name, value in variables.items())


def _value(text: str) -> str:
    # Whatever python-dotenv would cut off or take for a quote; a backslash means something inside quotes alone.
    if not re.search(r"""^['"]|^\s|\s$|\s#|[\r\n]""", text):
        return text
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def inherited() -> dict[str, str]:
    """The caller's environment without what would steer our components: another Airflow's, Prefect's, MLflow's or AWS's."""
    foreign = ("AIRFLOW", "_AIRFLOW", "PREFECT_", "MLFLOW_", "AWS_", "PROVING_GROUND_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign) or name in _PASSED_ON}


_PASSED_ON = {"AIRFLOW_CONN_SLACK_WEBHOOK", "PROVING_GROUND_METRICS_TOKEN", "PROVING_GROUND_REVIEW"}


def _plain() -> dict[str, str]:
    local = "127.0.0.1,localhost"
    beside = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
    # Requests to ourselves through a company's proxy would never come back.
    no_proxy = f"{beside},{local}" if beside else local
    return {
        "PYTHONPATH": str(PROJECT),
        "OMP_NUM_THREADS": "1",
        "DO_NOT_TRACK": "1",
        "SCARF_ANALYTICS": "false",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }


def _object_store(ports: Ports, secret: Secrets) -> dict[str, str]:
    address = f"http://127.0.0.1:{ports.s3}"
    return {
        "AWS_ACCESS_KEY_ID": secret.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": secret.s3_secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "MLFLOW_S3_ENDPOINT_URL": address,
        "PROVING_GROUND_S3_ENDPOINT": address,
        "PROVING_GROUND_S3_REGION": "us-east-1",
        "PROVING_GROUND_LANDING_BUCKET": "landing",
        "PROVING_GROUND_LAKE_BUCKET": "lake",
    }


def _mlflow(ports: Ports) -> dict[str, str]:
    address = f"http://127.0.0.1:{ports.mlflow}"
    return {
        "MLFLOW_TRACKING_URI": address,
        "PROVING_GROUND_MLFLOW_URL": address,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_SERVER_ALLOWED_HOSTS": "localhost:*,127.0.0.1:*",
    }


def _airflow(home: Path, ports: Ports, secret: Secrets) -> dict[str, str]:
    address = f"http://127.0.0.1:{ports.airflow}"
    return {
        "PROVING_GROUND_AIRFLOW_URL": address,
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": secret.fernet_key,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in USERS.items()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "airflow" / "passwords.json"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(ports.airflow),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__SECRET_KEY": secret.api_secret_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": secret.jwt_secret,
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",
    }


def _scheduling() -> dict[str, str]:
    return {
        "AIRFLOW__SCHEDULER__MP_START_METHOD": "forkserver",
        "AIRFLOW__CORE__MP_FORKSERVER_PRELOAD": _PRELOADED,
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        # A task whose process is killed is tried again at once: its supervisor sees it die. Where the supervisor dies with it,
        # only missing heartbeats tell, and Airflow waits 300 s for them. One comes every 5 s, so 60 s is twelve missed.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
    }


def _prefect(home: Path, ports: Ports, secret: Secrets) -> dict[str, str]:
    login = f"admin:{secret.passwords['admin']}"
    return {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{ports.prefect}/api",
        "PREFECT_UI_URL": f"http://127.0.0.1:{ports.prefect}",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(ports.prefect),
        # One login for all: Prefect has no users.
        "PREFECT_SERVER_API_AUTH_STRING": login,
        "PREFECT_API_AUTH_STRING": login,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # Before a person signs in, the pages of version 2 take analytics for enabled, and ask a company's server for them.
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
        "PREFECT_CLI_PROMPT": "false",
        # What the steps log is shown with their task runs.
        "PREFECT_LOGGING_EXTRA_LOGGERS": "include",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",
    }


def _variable(name: str) -> str:
    return f"PROVING_GROUND_{name.upper()}_PORT"


def _port(name: str, text: str) -> int:
    highest = 65_535 - (_GRPC + 4 if name == "s3" else 0)
    if not text.isdecimal() or not 1024 <= int(text) <= highest:
        raise StackError(f"{_variable(name)}={text!r} is no usable port; set it to a number from 1024 to {highest}.")
    return int(text)


def is_free(port: int) -> bool:
    """Whether nothing listens there on this machine now."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
