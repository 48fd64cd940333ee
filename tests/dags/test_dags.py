"""Policy for every DAG, read from a fresh interpreter as Airflow would parse it."""

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import parsed_models
from include.models import all_models

ROOT = Path(__file__).parent.parent.parent
BROKEN_MODELS = ROOT / "dags/broken_models.py"
FILES = sorted(set((ROOT / "dags").glob("*.py")) - {BROKEN_MODELS})
SCIENCE = {"pandas", "numpy", "scipy", "sklearn", "mlflow", "evidently", "optuna", "pandera", "pyarrow", "boto3", "skops"}
STEPS = {path.stem for path in (ROOT / "include/steps").glob("[!_]*.py")}
MODELS = {model.name: model for model in all_models()}

PARSE = """
import json, runpy, sys
import airflow.sdk
before = set(sys.modules)
found = {}

def cron_of(dag):
    # The clock of a schedule; none where a DAG only runs by hand or when an asset asks for it.
    return getattr(dag.timetable, "timetable", None) if dag.schedule else None

for path in sys.argv[1:]:
    for value in runpy.run_path(path).values():
        if isinstance(value, airflow.sdk.DAG):
            found[value.dag_id] = {
                "file": path,
                "doc": value.doc_md,
                "description": value.description,
                "tags": sorted(value.tags),
                "start_date": str(value.start_date),
                "catchup": value.catchup,
                "makes_up_for": cron.run_immediately.total_seconds() if (cron := cron_of(value)) else 0,
                "max_active_runs": value.max_active_runs,
                "form": {
                    name: [field.schema.get("title"), field.description]
                    for name in value.params
                    for field in [value.params.get_param(name)]
                },
                "tasks": {
                    task.task_id: {
                        "owner": task.owner,
                        "retries": task.retries,
                        "start_date": str(task.start_date),
                        "alerts": bool(task.on_failure_callback),
                        "timeout": task.execution_timeout.total_seconds() if task.execution_timeout else None,
                        "upstream": sorted(task.upstream_task_ids),
                    }
                    for task in value.tasks
                },
            }
print(chr(10) + json.dumps({"dags": found, "loaded": sorted(set(sys.modules) - before)}))
"""


@cache
def parsed(*files: Path) -> dict[str, Any]:
    """DAGs of these files, and what parsing them loaded beyond Airflow itself."""
    foreign = ("AIRFLOW", "PROVING_GROUND_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    environment |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}", "AIRFLOW_HOME": home().name}
    answer = subprocess.run(
        [sys.executable, "-c", PARSE, *map(str, files)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    result: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return result


@cache
def home() -> tempfile.TemporaryDirectory[str]:
    """An Airflow home of our own, gone with this process."""
    return tempfile.TemporaryDirectory(prefix="airflow-home-")


def dags() -> dict[str, Any]:
    """Every DAG by its id."""
    found: dict[str, Any] = parsed(*FILES)["dags"]
    return found


@pytest.fixture(params=[f"{model}.{path.stem}" for model in MODELS for path in FILES])
def dag(request: pytest.FixtureRequest) -> Any:
    """One DAG, with its id."""
    return {"id": request.param} | dags()[request.param]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_parsing_a_dag_file_loads_no_science_library(path: Path) -> None:
    """A DAG file is parsed every few seconds and at every task start: nothing heavy comes with it, not even indirectly."""
    assert not SCIENCE & set(parsed(path)["loaded"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_dag_files_only_wire(path: Path) -> None:
    """At most 120 lines, however many models there are."""
    assert len(path.read_text().splitlines()) <= 120


def test_each_model_has_one_dag_per_stage() -> None:
    """No more, no less, and none without a model."""
    assert {"monitor", "retrain"} <= {path.stem for path in FILES}
    assert set(dags()) == {f"{model}.{path.stem}" for model in MODELS for path in FILES}


def test_switching_a_dag_on_makes_up_for_no_slot(dag: Any) -> None:
    """Airflow's default runs a slot that passed within a tenth of the interval: a weekly one up to seventeen hours later."""
    assert dag["makes_up_for"] == 0


def test_a_dag_explains_itself(dag: Any) -> None:
    """Its page is the file's docstring, its line in the list says what is predicted, its tags find it."""
    model, stage = MODELS[dag["id"].split(".")[0]], dag["id"].split(".")[1]
    assert dag["doc"].startswith("### ")
    assert "Safe to run again" in dag["doc"]
    assert dag["description"].startswith(model.description)
    assert dag["tags"] == sorted({model.name, model.owner, stage})


def test_a_dag_runs_when_it_should(dag: Any) -> None:
    """Nothing is made up for the past, and one model is never retrained twice at once."""
    assert (dag["start_date"], dag["catchup"], dag["max_active_runs"]) == ("None", False, 1)


def test_every_field_of_the_form_is_explained(dag: Any) -> None:
    """The person who starts a run by hand reads what a field does before filling it in."""
    fields = ("target", "reason", "dry_run", "override") if dag["id"].endswith(".rollback") else ("as_of", "reason", "force")
    assert set(fields) <= set(dag["form"])
    assert {name: texts for name, texts in dag["form"].items() if not all(texts)} == {}
    assert ("candidate" in dag["form"]) == (dag["file"].endswith("retrain.py")), "the retraining alone has a pool"
    assert ("freeze_until" in dag["form"]) == (dag["file"].endswith("monitor.py")), "nothing else goes on"
    assert ("normal_now" in dag["form"]) == (dag["file"].endswith("monitor.py")), "the monitor alone looks at the newest rows"


def test_every_task_is_a_step_with_an_owner_who_hears_of_failures(dag: Any) -> None:
    """Task ids are modules of include/steps; each is tried again, ends some day, and alerts."""
    assert dag["tasks"]
    assert set(dag["tasks"]) <= STEPS
    for name, task in dag["tasks"].items():
        assert task["owner"] == MODELS[dag["id"].split(".")[0]].owner, name
        assert task["retries"] >= 1, name
        assert task["alerts"], name
        assert task["timeout"], name
        assert task["start_date"] == "None", name


def test_every_step_is_a_task_of_some_dag() -> None:
    """No step is left that nothing runs."""
    assert {task for found in dags().values() for task in found["tasks"]} == STEPS


@pytest.mark.parametrize(
    ("stage", "task", "upstream"),
    [
        ("monitor", "check", ["pull"]),
        ("monitor", "pull", ["reconcile"]),
        ("monitor", "score", ["check"]),
        ("monitor", "probation", ["score"]),
        ("monitor", "triage", ["check", "detect_drift", "measure_quality", "score"]),
        ("retrain", "validate", ["assemble", "select"]),
        ("retrain", "promote", ["review", "validate"]),
        ("rollback", "roll_back", ["verify_target"]),
        ("replay", "recommend", ["refit"]),
    ],
)
def test_a_check_that_breaks_stops_what_follows(stage: str, task: str, upstream: list[str]) -> None:
    """An exception in a check never becomes a green skip: what follows waits for it."""
    for model in MODELS:
        assert dags()[f"{model}.{stage}"]["tasks"][task]["upstream"] == upstream


ONE = """
import json, runpy, sys
import airflow.sdk
import include.models
from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager
# As if another team's file could not be imported.
include.models.all_models = include.models.broken_models = None
with _airflow_parsing_context_manager(dag_id=sys.argv[2], task_id="any"):
    found = [value.dag_id for value in runpy.run_path(sys.argv[1]).values() if isinstance(value, airflow.sdk.DAG)]
print(json.dumps([found, sorted(name for name in sys.modules if name.startswith("include.models."))]))
"""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_task_parses_its_own_model_alone(path: Path, tmp_path: Path) -> None:
    """It starts as fast with a hundred models as with one, and a broken file of another model does not stop it."""
    dag_id = f"traffic_volume.{path.stem}"
    answer = subprocess.run(
        [sys.executable, "-c", ONE, str(path), dag_id],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}"},
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    dags, loaded = json.loads(answer.stdout.splitlines()[-1])
    assert dags == [dag_id]
    assert loaded == ["include.models.contract", "include.models.traffic_volume"]


BAG = """
import json, sys
import include.models
from airflow.dag_processing.dagbag import DagBag
include.models.__path__.append(sys.argv[2])
there = include.models.model_names()
include.models.model_names = lambda: [*there, "helpers"]
bag = DagBag(sys.argv[1])
print(chr(10) + json.dumps([sorted(bag.dags), {file.rsplit("/", 1)[-1]: text for file, text in bag.import_errors.items()}]))
"""


def test_one_broken_file_costs_the_dags_of_one_model(tmp_path: Path) -> None:
    """Airflow's own reader finds the DAGs of all others, and one import error, in a file that has no DAG to lose."""
    (tmp_path / "helpers.py").write_text("x = 1\n")
    answer = subprocess.run(
        [sys.executable, "-c", BAG, str(ROOT / "dags"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ
        | {"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}"}
        | {"AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    found, errors = json.loads(answer.stdout.splitlines()[-1])
    assert found == sorted(f"{model}.{path.stem}" for model in MODELS for path in FILES)
    assert list(errors) == [BROKEN_MODELS.name]
    assert list(parsed_models.faults_in(errors[BROKEN_MODELS.name])) == ["helpers"]
    assert "helpers.py defines no MODEL" in errors[BROKEN_MODELS.name]
