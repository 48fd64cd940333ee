"""The databases behind Airflow's connections, for models whose rows come from a query.

A connection is made on the page Admin, Connections, or wherever Airflow finds connections (secrets backends, AIRFLOW_CONN_…).
Its provider's hook makes the engine: Postgres is installed here; MySQL, Snowflake, BigQuery, Redshift, Databricks and others
come with their providers. A kind without a hook is taken as SQLAlchemy's dialect of that name (`duckdb`, `sqlite`), whose file
stands in Host.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Engine


def database(name: str) -> "Engine":
    """The database of a connection; where Airflow has none of the name, the one that the environment names.

    Raises:
        SourceDenied: there is none, or it is no database.
    """
    import os

    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    from include.adapters.databases import from_environment

    try:
        connection = Connection.get(name)
    except AirflowNotFoundException:
        return from_environment(os.environ)(name)
    return _engine(name, connection)


def _engine(name: str, connection: Any) -> "Engine":
    from airflow.sdk.exceptions import AirflowException
    from sqlalchemy import pool
    from sqlalchemy.engine import URL

    from include.adapters.databases import arguments_of, engine_at

    kind = str(connection.conn_type)
    try:
        hook = connection.get_hook()
    except (AirflowException, ImportError):
        file = connection.host or connection.schema
        return engine_at(URL.create(kind, database=file), f"connection {name!r}, of kind {kind!r} that has no hook here,")
    if not hasattr(hook, "get_sqlalchemy_engine"):
        from include.errors import SourceDenied

        raise SourceDenied(
            f"connection {name!r} is of kind {kind!r}, which is no database that can be queried. Accepted are kinds such as "
            "postgres, mysql, snowflake: correct it on the page Admin, Connections, or name another in the model's file."
        )
    options: dict[str, Any] = {"poolclass": pool.NullPool, "hide_parameters": True}
    if kind == "postgres":
        options["connect_args"] = arguments_of(hook.sqlalchemy_url)
    engine: Engine = hook.get_sqlalchemy_engine(engine_kwargs=options)
    return engine
