"""The only reader of the environment: frozen, and it refuses bad values by name."""

import re
from collections.abc import Mapping
from typing import get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from include.errors import SettingsError
from include.models import model_names
from include.models.contract import ReviewPlace


class Settings(BaseModel):
    """What the pipeline needs to know about where it runs.

    Each field is read from the environment variable in its alias; `.env.example` lists them all in the same words, and a test
    holds the two equal. `make settings-page` writes docs/settings.md of both.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    s3_endpoint: str | None = Field(
        None,
        alias="PROVING_GROUND_S3_ENDPOINT",
        description="Where the pipeline keeps its data: any S3 that honours If-None-Match and If-Match. Empty means AWS.",
    )
    s3_region: str = Field(
        "us-east-1", alias="PROVING_GROUND_S3_REGION", min_length=1, description="The object store's region."
    )
    landing_bucket: str = Field(
        "landing", alias="PROVING_GROUND_LANDING_BUCKET", min_length=3, description="The bucket that deliveries land in."
    )
    lake_bucket: str = Field(
        "lake",
        alias="PROVING_GROUND_LAKE_BUCKET",
        min_length=3,
        description="The bucket that the pipeline writes: curated rows, snapshots, reports, ledger, status.",
    )
    serving_bucket: str | None = Field(
        None,
        alias="PROVING_GROUND_SERVING_BUCKET",
        min_length=3,
        description="Where the champion is published for MLServer, Seldon Core 2 and KServe. Empty: nowhere. "
        "See docs/serving.md.",
    )
    mlflow_tracking_uri: str = Field(
        "http://127.0.0.1:5000", alias="MLFLOW_TRACKING_URI", description="Where the pipeline talks to MLflow."
    )
    mlflow_url: str = Field(
        "http://127.0.0.1:5000",
        alias="PROVING_GROUND_MLFLOW_URL",
        description="Where people open MLflow, for links in messages and pages.",
    )
    airflow_url: str = Field(
        "http://127.0.0.1:8080",
        alias="PROVING_GROUND_AIRFLOW_URL",
        description="Where people open Airflow, for links in messages and pages.",
    )
    git_commit: str = Field(
        "unknown",
        alias="PROVING_GROUND_GIT_COMMIT",
        min_length=1,
        description="The commit that is recorded on every version.",
    )
    review: Mapping[str, ReviewPlace] = Field(
        {},
        alias="PROVING_GROUND_REVIEW",
        description="Who is asked before a challenger is promoted, by model, whatever its file says. "
        "Empty means as each model's file says. See docs/review.md.",
    )
    dask_scheduler: str | None = Field(
        None,
        alias="PROVING_GROUND_DASK_SCHEDULER",
        description="The scheduler of a Dask cluster, for the models that use one, such as tcp://host:8786. Empty: there is "
        "none. See docs/compute.md.",
    )
    metrics_token: SecretStr | None = Field(
        None,
        alias="PROVING_GROUND_METRICS_TOKEN",
        min_length=16,
        description="What Prometheus shows as bearer token at Airflow's /proving-ground/metrics. Empty: there are no metrics.",
    )

    @field_validator("s3_endpoint", "mlflow_tracking_uri", "mlflow_url", "airflow_url")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://unset")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("an address such as http://127.0.0.1:8333 is accepted")
        return value.rstrip("/") if value else value

    @field_validator("dask_scheduler")
    @classmethod
    def _is_dask_address(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "tcp://unset:1")
        if parts.scheme not in ("tcp", "tls") or not parts.hostname or not parts.port:
            raise ValueError("an address such as tcp://127.0.0.1:8786 is accepted")
        return value

    @field_validator("review", mode="before")
    @classmethod
    def _by_model(cls, value: object) -> object:
        """`one=orchestrator,other=registry`. A name that is no model's would switch off a review that a team counts on."""
        if not isinstance(value, str):
            return value
        pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
        by_model = {name.strip(): where.strip() for name, _, where in pairs}
        if len(by_model) < len(pairs) or not (
            set(by_model) <= set(model_names()) and set(by_model.values()) <= set(get_args(ReviewPlace))
        ):
            raise ValueError(
                "pairs such as traffic_volume=orchestrator are accepted, each model once; "
                f"models are {', '.join(model_names())}, and reviews {', '.join(get_args(ReviewPlace))}"
            )
        return by_model

    @classmethod
    def variables(cls) -> list[str]:
        """The environment variables that are read, in order."""
        return [str(field.alias) for field in cls.model_fields.values()]

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Settings from an environment; an empty value counts as unset.

        Raises:
            SettingsError: a value cannot be used, or a PROVING_GROUND_ variable is unknown (a typing mistake, most often).
        """
        ours = {name: value for name, value in environment.items() if name in cls.variables() and value}
        unknown = {n for n in environment if n.startswith("PROVING_GROUND_")} - set(cls.variables()) - _READ_ELSEWHERE
        unknown = {name for name in unknown if not name.startswith(CONNECTION)}
        if unknown:
            raise SettingsError(
                f"{', '.join(sorted(unknown))}: not a setting; there are {', '.join(cls.variables())}. Correct or unset it."
            )
        try:
            return cls.model_validate(ours)
        except ValidationError as error:
            raise SettingsError("; ".join(_in_words(problem) for problem in error.errors())) from error


# Before the name of a connection in capitals: the SQLAlchemy address of a database that a model's `Sql` source names.
CONNECTION = "PROVING_GROUND_CONNECTION_"


def connection_variable(name: str) -> str:
    """The variable that holds the address of a connection.

    >>> connection_variable("data-warehouse")
    'PROVING_GROUND_CONNECTION_DATA_WAREHOUSE'
    """
    return CONNECTION + re.sub(r"[^A-Z0-9]", "_", name.upper())


def connection_address(environment: Mapping[str, str], name: str) -> SecretStr | None:
    """The address of a connection, which holds a password; None where the environment names none."""
    address = environment.get(connection_variable(name), "")
    return SecretStr(address) if address else None


# The embedded stack chooses its ports from these; the pipeline itself never sees a port.
_READ_ELSEWHERE = {f"PROVING_GROUND_{who}_PORT" for who in ("AIRFLOW", "MLFLOW", "S3", "PREFECT")}


def _in_words(problem: object) -> str:
    assert isinstance(problem, dict)
    name, value, why = problem["loc"][0], problem.get("input"), problem["msg"].removeprefix("Value error, ")
    shown = "(hidden)" if name.endswith(("_SECRET", "_TOKEN")) else repr(value)
    return f"{name}={shown} cannot be used: {why}. Set it as in .env.example."
