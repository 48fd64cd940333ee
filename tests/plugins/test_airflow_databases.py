"""The databases behind Airflow's connections: by their hooks where there is one, and never with a password in a message."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# Airflow settles where it lives when it is imported, so this is tried in a process of its own.
ASK = """
import json, sys
from airflow_databases import database
from include.errors import SourceDenied

found = {}
for name in sys.argv[1:]:
    try:
        engine = database(name)
        found[name] = [engine.url.render_as_string(hide_password=False), type(engine.pool).__name__, engine.hide_parameters]
    except SourceDenied as error:
        found[name] = str(error)
print(chr(10) + json.dumps(found))
"""
CONNECTIONS = {
    "AIRFLOW_CONN_WAREHOUSE": "postgres://reader:secret@db.example:5433/shop",
    "AIRFLOW_CONN_EMBEDDED": json.dumps({"conn_type": "duckdb", "host": "/data/shop.duckdb"}),
    "AIRFLOW_CONN_SLACK": json.dumps({"conn_type": "slackwebhook", "password": "https://hooks.example/secret"}),
    "AIRFLOW_CONN_ODD": json.dumps({"conn_type": "nosuchkind", "host": "h", "password": "secret"}),
    "PROVING_GROUND_CONNECTION_ELSEWHERE": "sqlite:////data/shop.sqlite",
}


def answers(folder: Path) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PROVING_GROUND_"))}
    environment |= {"AIRFLOW_HOME": str(folder), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}"} | CONNECTIONS
    names = ["warehouse", "embedded", "slack", "odd", "elsewhere", "absent"]
    command = [sys.executable, "-c", ASK, *names]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_connection_becomes_the_database_that_it_names(tmp_path: Path) -> None:
    """Postgres by its provider's hook, a kind without one by its file, Airflow's unknown names by the environment."""
    found = answers(tmp_path)
    address, pool, hidden = found["warehouse"]
    assert address.endswith("://reader:secret@db.example:5433/shop")
    assert address.startswith("postgresql")
    assert (pool, hidden) == ("NullPool", True)
    assert found["embedded"][0] == "duckdb:////data/shop.duckdb"
    assert found["elsewhere"][0] == "sqlite:////data/shop.sqlite"
    assert "is of kind 'slackwebhook', which is no database" in found["slack"]
    assert "connection 'odd', of kind 'nosuchkind' that has no hook here, is no address of a database" in found["odd"]
    assert "connection 'absent' is not known here. Make one of that name in Airflow" in found["absent"]
    assert not any("secret" in found[name] for name in ("slack", "odd", "absent"))
