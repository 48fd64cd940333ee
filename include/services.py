"""Builds the real adapters from the settings: the one composition root."""

import os
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from include.models.contract import Model
from include.request import Request
from include.settings import Settings
from include.sources import Connections

if TYPE_CHECKING:
    from include.adapters.hold_store import HoldStore
    from include.adapters.lake import Lake
    from include.adapters.landing import Landing
    from include.adapters.latest_status import LatestStatus
    from include.adapters.ledger import Ledger
    from include.adapters.lock import Locks
    from include.adapters.memory_store import MemoryStore
    from include.adapters.pulling import Pulls
    from include.adapters.records import Records
    from include.adapters.registry import Registry
    from include.adapters.serving import Serving


@dataclass(frozen=True)
class Services:
    """The systems outside of this process that a step may talk to."""

    settings: Settings
    landing: "Landing"
    lake: "Lake"
    registry: "Registry"
    ledger: "Ledger"
    locks: "Locks"
    holds: "HoldStore"
    serving: "Serving | None" = None
    pulls: "Pulls | None" = None


def build_services(settings: Settings | None = None, connections: Connections | None = None) -> Services:
    """The real object store and the real registry, as the settings name them.

    `connections` are those of an orchestrator; by default the environment names them.

    Raises:
        SettingsError: the environment holds a value that cannot be used.
    """
    # The adapters load boto3 and MLflow: only where a step really runs, never where Airflow parses a DAG file.
    from include.adapters.databases import from_environment
    from include.adapters.hold_store import HoldStore
    from include.adapters.lake import Lake
    from include.adapters.landing import Landing
    from include.adapters.ledger import Ledger
    from include.adapters.lock import Locks
    from include.adapters.mlflow_registry import MlflowRegistry
    from include.adapters.pulling import Pulls
    from include.adapters.s3_store import S3Store
    from include.adapters.serving import Serving

    settings = settings or Settings.read(os.environ)
    connect = partial(S3Store.connect, endpoint=settings.s3_endpoint, region=settings.s3_region)
    lake, landing = connect(settings.lake_bucket), connect(settings.landing_bucket)
    return Services(
        settings=settings,
        landing=Landing(landing),
        lake=Lake(lake),
        registry=MlflowRegistry(settings.mlflow_tracking_uri, page_url=settings.mlflow_url),
        ledger=Ledger(lake),
        locks=Locks(lake),
        holds=HoldStore(lake),
        serving=Serving(connect(settings.serving_bucket)) if settings.serving_bucket else None,
        pulls=Pulls(landing, lake, Locks(lake), connections or from_environment(os.environ)),
    )


def serverless_services(model: Model, folder: Path, landing: "MemoryStore") -> Services:
    """Services of this process alone, for one model: objects in memory, MLflow on a SQLite file in the folder."""
    from include.adapters.hold_store import HoldStore
    from include.adapters.lake import Lake
    from include.adapters.landing import Landing
    from include.adapters.ledger import Ledger
    from include.adapters.lock import Locks
    from include.adapters.memory_store import MemoryStore
    from include.adapters.mlflow_registry import MlflowRegistry
    from include.code_version import commit

    settings, lake = Settings.read({"PROVING_GROUND_GIT_COMMIT": commit()}), MemoryStore("lake")
    registry = MlflowRegistry.in_folder(folder, model.name, page_url=settings.mlflow_url)
    return Services(settings, Landing(landing), Lake(lake), registry, Ledger(lake), Locks(lake), HoldStore(lake))


@dataclass(frozen=True)
class StepContext:
    """What a step works with: the systems outside, the model, and the request of the run."""

    services: Services
    model: Model
    request: Request


@dataclass(frozen=True)
class Reader:
    """What pages and metrics are made from. Light: the api-server needs neither frames nor MLflow."""

    settings: Settings
    latest: "LatestStatus"
    records: "Records"
    ledger: "Ledger"
    holds: "HoldStore"


def reader(patience: float | None = None) -> Reader:
    """The lake as the environment names it, for reading only; `patience` as in `S3Store.connect`.

    Raises:
        SettingsError: the environment holds a value that cannot be used.
    """
    settings = Settings.read(os.environ)
    return Reader(settings, *_read_side(settings.lake_bucket, settings.s3_endpoint, settings.s3_region, patience))


@cache
def _read_side(
    bucket: str, endpoint: str | None, region: str, patience: float | None
) -> tuple["LatestStatus", "Records", "Ledger", "HoldStore"]:
    """Kept, because the latest status remembers what it has read."""
    from include.adapters.hold_store import HoldStore
    from include.adapters.latest_status import LatestStatus
    from include.adapters.ledger import Ledger
    from include.adapters.records import Records
    from include.adapters.s3_store import S3Store

    store = S3Store.connect(bucket, endpoint=endpoint, region=region, patience=patience)
    return LatestStatus(store), Records(store), Ledger(store), HoldStore(store)
