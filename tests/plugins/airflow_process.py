"""Airflow in a process of its own: it settles where it lives when it is imported."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# The beginning of a piece of code that needs Airflow's database: an empty one, and a way to put runs of DAGs into it.
DATABASE = """
import json, sys
from sqlalchemy import insert, text
from airflow import settings
settings.configure_orm()
from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.utils.session import create_session
import_all_models()
Base.metadata.create_all(settings.engine)

def add_run(session, number, dag_id, run_id, state="success"):
    session.execute(text("pragma foreign_keys = off"))
    session.execute(text(
        "insert into dag_run (id, dag_id, run_id, run_type, run_after, state, clear_number)"
        " values (:id, :dag, :run, 'manual', '2024-01-01', :state, 0)").bindparams(
            id=number, dag=dag_id, run=run_id, state=state))
"""


def answers_of(code: str, home: Path, given: Any, **environment: str) -> Any:
    """What code prints in its last line, as JSON; it is given plain values on its standard input, as JSON too."""
    surroundings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__API_AUTH__JWT_SECRET": "s" * 64,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}",
        "NO_PROXY": "127.0.0.1",
    }
    answer = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | surroundings | environment,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    return json.loads(answer.stdout.splitlines()[-1])
