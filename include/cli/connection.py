"""Which object store and registry the tools talk to: the stack that runs here, else what the environment and `.env` name."""

import getpass
import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dotenv import dotenv_values

from include.errors import ToolError
from include.models import find_model
from include.request import Request
from include.services import Services, StepContext, build_services
from include.settings import Settings

if TYPE_CHECKING:
    from include.adapters.object_store import ObjectStore

PROJECT = Path(__file__).resolve().parent.parent.parent
_ENDPOINT = "PROVING_GROUND_S3_ENDPOINT"


def connect() -> Services:
    """The services of that stack; this process's environment names it from then on, as boto3 and MLflow need it.

    Raises:
        ToolError: nothing runs here, and nothing else is named.
    """
    os.environ.update(variables(os.environ))
    return build_services()


def by_hand(model_name: str, tool: str, reason: str) -> StepContext:
    """What a tool works with that changes something in the name of the person at this terminal, as of now."""
    model, now, user = find_model(model_name), datetime.now(UTC), getpass.getuser()
    request = Request(as_of=now, reason=reason, run_id=f"{tool} {now:%Y-%m-%dT%H:%M:%S}", reason_given=True, asked_by=user)
    return StepContext(connect(), model, request)


def landing_bucket() -> "ObjectStore":
    """The bucket of that stack that deliveries land in."""
    from include.adapters.s3_store import S3Store

    os.environ.update(variables(os.environ))
    settings = Settings.read(os.environ)
    return S3Store.connect(settings.landing_bucket, endpoint=settings.s3_endpoint, region=settings.s3_region)


def variables(environment: Mapping[str, str], project: Path | None = None) -> dict[str, str]:
    """The variables to add to an environment.

    Raises:
        ToolError: nothing runs here, and neither the environment nor `.env` names an object store.
    """
    project = project or PROJECT
    # Without interpolation: the stack's values are written as they are.
    running = _with_values(project / ".stack/env", interpolate=False)
    if _answers(running.get(_ENDPOINT, "")):
        return running
    ours = (*Settings.variables(), "AWS_", "MLFLOW_")
    dot_env = _with_values(project / ".env", interpolate=True)
    missing = {name: value for name, value in dot_env.items() if name.startswith(ours) and not environment.get(name)}
    if not (environment.get(_ENDPOINT) or missing.get(_ENDPOINT)):
        raise ToolError(
            f"no stack runs here, and {_ENDPOINT} names none. Run `make demo DETACH=1` first, or set it and "
            "MLFLOW_TRACKING_URI as in .env.example."
        )
    return missing


def dot_env(project: Path | None = None) -> dict[str, str]:
    """The environment, and what `.env` sets that it does not."""
    return _with_values((project or PROJECT) / ".env", interpolate=True) | {k: v for k, v in os.environ.items() if v}


def _with_values(path: Path, *, interpolate: bool) -> dict[str, str]:
    """What a file sets; empty values count as unset, and a file that is not there sets nothing."""
    return {name: value for name, value in dotenv_values(path, interpolate=interpolate).items() if value}


def _answers(address: str) -> bool:
    """Whether a server listens there: the file is still there after the stack was killed or the machine restarted."""
    parts = urlsplit(address)
    if not parts.hostname or not parts.port:
        return False
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=2).close()
    except OSError:
        return False
    return True
