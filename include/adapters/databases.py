"""The databases that connections name in the environment. An orchestrator brings its own: `plugins/airflow_databases.py`."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc, pool
from sqlalchemy.engine import URL

from include.errors import SourceDenied
from include.settings import connection_address, connection_variable
from include.sources import Connections

_PATIENCE = 15
# A server that is gone without a word is noticed within two minutes.
_ARGUMENTS: dict[str, dict[str, Any]] = {
    "psycopg2": {"connect_timeout": _PATIENCE, "keepalives_idle": 60, "keepalives_interval": 15, "keepalives_count": 4},
    "psycopg": {"connect_timeout": _PATIENCE, "keepalives_idle": 60, "keepalives_interval": 15, "keepalives_count": 4},
    "pymysql": {"connect_timeout": _PATIENCE},
}


def from_environment(environment: Mapping[str, str]) -> Connections:
    """Connections whose addresses are in variables PROVING_GROUND_CONNECTION_<NAME>."""
    return partial(_named, environment)


def _named(environment: Mapping[str, str], name: str) -> sa.Engine:
    address = connection_address(environment, name)
    if address is None:
        raise SourceDenied(
            f"connection {name!r} is not known here. Make one of that name in Airflow (Admin, Connections), or set "
            f"{connection_variable(name)} to an address such as postgresql+psycopg2://reader@host/database."
        )
    return engine_at(address.get_secret_value(), connection_variable(name))


def engine_at(address: str | URL, what: str) -> sa.Engine:
    """The database at a SQLAlchemy address, which is connected to when it is used; `what` names the address in errors.

    Raises:
        SourceDenied: it is no address, or its driver is not installed.
    """
    try:
        url = sa.make_url(address)
        # A step connects once, and its process ends.
        return sa.create_engine(url, poolclass=pool.NullPool, hide_parameters=True, connect_args=arguments_of(url))
    except (exc.ArgumentError, exc.NoSuchModuleError, ImportError, ValueError) as error:
        # Not the address itself, which may hold a password.
        why = f"{error.name} is not installed" if isinstance(error, ImportError) else type(error).__name__
        raise SourceDenied(
            f"{what} is no address of a database that can be used here ({why}). Accepted is one of SQLAlchemy's, such as "
            "postgresql+psycopg2://reader@host/database, whose driver is installed."
        ) from None


def arguments_of(url: URL) -> dict[str, Any]:
    """How a driver is to connect: for how long it may try, and when a silent server counts as gone."""
    return _ARGUMENTS.get(url.get_dialect().driver, {})
