"""Every command in the documents is executed: here, by a test that is named here, or not, for a reason that is given here."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.test_new_model import sample

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = (
    "make|docker|docker-compose|python3?|[.]venv/bin/[a-z0-9-]+|promtool|kubectl|helm|curl|cp|git|uv|pip|airflow|mlflow|apt"
)
# A name alone is a name: `airflow` is a database, too.
COMMAND = re.compile(rf"(?:{PROGRAMS})\s+\S|[.]ci/run")


Typed = Callable[[str, str], tuple[int, str, Path]]


@dataclass(frozen=True)
class Here:
    """Run by this file in a copy of the project, and what has to come of it."""

    code: int
    summary: str
    # What is typed, where the document has a placeholder or another of the same kind would take long.
    typed: str = ""
    after: str = ""
    leaves: str = ""
    # A second copy, for what makes an .env: the others would look for the stack that it names.
    place: str = "project"


@dataclass(frozen=True)
class By:
    """Run by another test, or by the script that runs the tests."""

    node: str


@dataclass(frozen=True)
class Cannot:
    """Not run anywhere, and why."""

    why: str


NEW_MODEL = "make new-model NAME=churn DATA=sample.csv KEY=visit_id"
NO_STACK = "no stack runs here"
CONTAINERS = By("tests/containers/test_compose.py::test_the_loop_survives_the_death_of_a_worker")
NO_CLUSTER = Cannot("wants a cluster; tests/deploy/test_kubernetes.py reads the files")
NO_HELM = Cannot("wants helm and a cluster; tests/deploy/test_kubernetes.py reads the values")
MINUTES = Cannot("takes minutes to hours; tests/test_docs.py holds its results against what the documents say")
CHECK_MODEL = By("tests/cli/test_check_model.py::test_from_a_csv_to_a_verdict")
LOOP = By("tests/whole_loop/test_loop.py::test_a_delivery_leads_to_the_first_champion")
FORM = By("tests/whole_loop/test_loop.py::test_the_form_does_what_it_says")
TOKEN = (
    "curl -s http://127.0.0.1:8080/auth/token -H 'Content-Type: application/json' "
    '-d \'{"username": "admin", "password": "…"}\''
)
RUN_NOW = (
    'curl -s http://127.0.0.1:8080/api/v2/dags/churn.monitor/dagRuns -H "Authorization: Bearer $TOKEN" '
    "-H 'Content-Type: application/json' -d '{\"logical_date\": null, \"conf\": {}}'"
)
SECRETS = By("tests/deploy/test_kubernetes.py::test_the_secrets_are_made_of_dotenv")
LANDING = By("tests/cli/test_landing.py::test_a_folder_lands_file_by_file")
CHARTS = "https://airflow.apache.org", "https://kedacore.github.io/charts"
VALUES = "--values deploy/kubernetes/values.yaml"
AIRFLOW = f"helm upgrade --install airflow apache-airflow/airflow --version 1.22.0 --namespace airflow {VALUES}"

COMMANDS: dict[str, Here | By | Cannot] = {
    ".ci/run": Cannot("runs all tests, so also this one"),
    ".venv/bin/python -m include.cli landing put ~/churn/features churn/features": LANDING,
    ".venv/bin/python -m include.cli landing put ~/churn/labels churn/labels": LANDING,
    # Ports of the documents may be taken here.
    ".venv/bin/python -m deploy.local up": Cannot(
        "starts the whole stack on its usual ports; tests/whole_loop starts it on others"
    ),
    ".venv/bin/python -m include.cli --help": Here(0, "check-model"),
    ".venv/bin/python -m include.cli landing ls churn/": Here(1, NO_STACK),
    ".venv/bin/python -m include.cli landing rm <key>": Here(
        1, NO_STACK, typed=".venv/bin/python -m include.cli landing rm churn/features/2024-01-01.csv.gz"
    ),
    '.venv/bin/python -m include.cli landing withdraw churn/features/2024-01-01.csv --reason "sensor 7 was broken"': Here(
        1, "'churn' is no model"
    ),
    ".venv/bin/python -m include.cli landing take-again churn": Here(1, "model 'churn' does not exist"),
    ".venv/bin/python -m include.cli landing take-again <model>": Here(
        1, NO_STACK, typed=".venv/bin/python -m include.cli landing take-again flight_delays"
    ),
    '.venv/bin/python -m include.cli erase churn keys.csv --reason "request 4711" --yes': Here(1, "no such file"),
    ".venv/bin/python -m include.cli source status churn": Here(1, "model 'churn' does not exist"),
    ".venv/bin/python -m include.cli source again churn": Here(1, "model 'churn' does not exist"),
    '.venv/bin/python -m include.cli new-model churn ~/churn/labels --sql "SELECT * FROM visits" '
    "--connection postgresql+psycopg2://reader@db.example/shop --key visit_id": By(
        "tests/cli/test_source.py::test_labels_that_come_in_files_get_no_query"
    ),
    ".venv/bin/python -m include.cli check-model churn ~/churn/labels "
    "--source postgresql+psycopg2://reader@db.example/shop": By(
        "tests/cli/test_source.py::test_labels_in_files_stand_beside_features_in_a_database"
    ),
    "make demo DETACH=1 WEEKS=1": Cannot("starts the whole stack on its usual ports; tests/whole_loop starts it on others"),
    "make test-databases": By(".ci/run"),
    "make bench-pull": MINUTES,
    "airflow db migrate": By("tests/grown_up/test_kubernetes.py"),
    "cp .env.example .env": Here(0, "POSTGRES_PASSWORD=", leaves=".env", place="dotenv"),
    # A model of its own name there; the test asks over the same protocol.
    'curl http://127.0.0.1:8080/v2/models/flight_delays/infer -d \'{"inputs": [': By("tests/serving/test_mlserver.py"),
    TOKEN: FORM,
    RUN_NOW: FORM,
    "docker build --file deploy/Dockerfile --tag proving-ground:local .": CONTAINERS,
    "docker compose down": By("tests/containers/test_compose.py::test_it_goes_down_and_comes_up_with_all_that_it_knew"),
    "docker compose up -d": CONTAINERS,
    "docker compose up -d --build": CONTAINERS,
    "docker compose up -d --scale worker=4": CONTAINERS,
    "docker compose run --rm --no-deps prepare python deploy/s3_roles.py": By(
        "tests/grown_up/test_grown_up.py::test_prepare_may_run_again_and_leaves_the_keys_as_they_are"
    ),
    "make test-containers": CONTAINERS,
    "docker-compose config": Here(
        0, "image: proving-ground:local", typed=".venv/bin/docker-compose config", after="make env", place="dotenv"
    ),
    f"helm repo add apache-airflow {CHARTS[0]}": NO_HELM,
    f"helm repo add kedacore {CHARTS[1]}": NO_HELM,
    AIRFLOW: NO_HELM,
    f"{AIRFLOW} --values deploy/kubernetes/values-celery-keda.yaml": NO_HELM,
    "helm upgrade --install keda kedacore/keda --namespace keda --create-namespace": NO_HELM,
    "kubectl apply --namespace airflow --filename deploy/kubernetes/mlflow.yaml": NO_CLUSTER,
    "kubectl apply --namespace airflow --filename deploy/kubernetes/monitors.yaml": NO_CLUSTER,
    "kubectl create namespace airflow": NO_CLUSTER,
    "kubectl port-forward --namespace airflow service/airflow-api-server 8080:8080": NO_CLUSTER,
    "kubectl port-forward --namespace airflow service/mlflow 5000:5000": NO_CLUSTER,
    # No package can be looked up here, and it says so: never "sound".
    "make audit": Here(2, "could not be looked up"),
    "make bench": MINUTES,
    "make bench-crash": By("tests/bench/test_crash.py"),
    "make bench-crash_steps": MINUTES,
    "make bench-door": By("tests/steps/test_deliveries.py"),
    "make bench-intake": MINUTES,
    "make bench-drift": MINUTES,
    ".venv/bin/python -m bench.drift volume": MINUTES,
    "make bench-field_clusters": MINUTES,
    "make bench-estimators": MINUTES,
    "make estimators": By("tests/estimators/test_recipes.py"),
    "make test-estimators": By(".ci/run"),
    "make test-torch": By(".ci/nightly"),
    "pip install torch": By("tests/torch/test_kept.py"),
    "pip install torch safetensors": By("tests/torch/test_kept.py"),
    "pip install torch --index-url https://download.pytorch.org/whl/cpu": Cannot("asks another package index"),
    "python -m include.cli reregister": By("tests/champion/test_reregister.py"),
    "python -m include.cli reregister churn --old ../before/.venv/bin/python": By("tests/champion/test_reregister.py"),
    'python -m include.cli freeze --all --until 2026-12-01T18:00Z --reason "incident 12"': By("tests/cli/test_freeze.py"),
    'python -m include.cli freeze churn --until 2026-12-27T08:00Z --reason "Christmas: no one on call"': By(
        "tests/cli/test_freeze.py"
    ),
    'python -m include.cli snooze churn page --until 2026-12-27T08:00Z --reason "the new sensor is noisy, order 4711"': By(
        "tests/cli/test_freeze.py"
    ),
    'python -m include.cli unfreeze churn --reason "it is over"': By("tests/cli/test_freeze.py"),
    "make bench-field_years": MINUTES,
    "make bench-field_coverage": MINUTES,
    "make bench-field_causes": MINUTES,
    "make bench-pays": MINUTES,
    "make bench-loop": MINUTES,
    "make bench-gate_rates": MINUTES,
    "make bench-gate_speed": MINUTES,
    "make bench-loop MODEL=card_fraud": MINUTES,
    "make bench-loop MODEL=support_intents": MINUTES,
    "make bench-noise": MINUTES,
    "make bench-orchestrators": MINUTES,
    "make bench-overhead": MINUTES,
    "make bench-requests": MINUTES,
    "make bench-policy": MINUTES,
    "make bench-probation": MINUTES,
    "make bench-scale": MINUTES,
    "make bench-search_queries": MINUTES,
    "make check": By(".ci/run"),
    "make nightly": By(".ci/nightly"),
    "make check-model NAME=churn": Here(0, "passed", after=NEW_MODEL),
    "make check-model NAME=churn DATA=sample.csv": CHECK_MODEL,
    "make check-model NAME=churn DATA=~/churn": CHECK_MODEL,
    "make check-model NAME=…": Here(0, "passed", typed="make check-model NAME=churn", after=NEW_MODEL),
    "make demo": LOOP,
    "make demo DETACH=1": LOOP,
    "make demo WEEKS=6": LOOP,
    "make demo ORCHESTRATOR=prefect": Cannot("takes minutes, and an environment of its own: `make test-prefect` has one"),
    ".venv/bin/python -m demo.compare airflow.json prefect.json": By("tests/demo/test_compare.py"),
    "make lock-prefect": Cannot("asks a package index, and may change Prefect's lock"),
    # Nothing runs, so there is nothing to end and nothing to say.
    "make down": Here(0, ""),
    "make env": Here(0, "readable by you alone", leaves=".env", place="dotenv"),
    "make help": Here(0, "make check-model"),
    "make evidence MODEL=flight_delays VERSION=3 FOLDER=review": Here(2, NO_STACK),
    "python -m include.cli row churn visit_id=4711": By(
        "tests/cli/test_row.py::test_it_says_what_came_what_was_predicted_and_what_the_answer_hangs_on"
    ),
    "airflow backfill create --dag-id churn.monitor --from-date 2026-05-04 --to-date 2026-05-25 --max-active-runs 1": Cannot(
        "wants a running Airflow; tests/steps/test_backfill.py plays what its runs do"
    ),
    "make ledger": Here(2, "make ledger needs MODEL=name"),
    "make ledger MODEL=flight_delays": Here(2, NO_STACK),
    "make ledger MODEL=flight_delays AT=2026-05-03T14:00Z": Here(2, NO_STACK),
    "make ledger MODEL=…": Here(2, NO_STACK, typed="make ledger MODEL=flight_delays"),
    "make lock": Cannot("asks a package index, and may change the lock"),
    "make new-model NAME=churn DATA=~/churn KEY=visit_id": Here(
        0,
        "# GUESS:",
        typed="make new-model NAME=churn DATA=churn KEY=visit_id",
        leaves="include/models/churn.py",
        place="dotenv",
    ),
    NEW_MODEL: Here(0, "# GUESS:", leaves="include/models/churn.py"),
    "make prune MODEL=flight_delays": Here(2, NO_STACK),
    "make quarantine MODEL=churn": Here(2, NO_STACK, after=NEW_MODEL),
    "make quarantine MODEL=…": Here(2, NO_STACK, typed="make quarantine MODEL=flight_delays"),
    "make replay MODEL=flight_delays": Here(2, NO_STACK),
    "make sbom": Here(0, '"apache-airflow"', leaves="sbom.json"),
    "make docs": By(".ci/run"),
    "make check-model NAME=renewals DATA=renewals.csv": By("tests/test_recipes.py::test_files_lead_to_a_verdict"),
    "python -m include.cli check-model renewals_sql --source postgresql+psycopg2://reader@db.example/shop": By(
        "tests/test_recipes.py::test_a_database_leads_to_a_verdict"
    ),
    "make settings-page": Here(0, "settings of the pipeline"),
    "make reference-page": Here(0, "types"),
    "make pictures": Cannot("takes pictures of the demo that runs, with Chromium"),
    "make slack-preview": Here(0, "Slack"),
    "make test": By(".ci/run"),
    "make test ARGS=\"-m 'not whole_loop'\"": Here(
        0, "passed", typed="make test ARGS=\"-m 'not whole_loop' tests/test_errors.py\""
    ),
    'make test ARGS="tests/noise"': Here(0, "passed", typed='make test ARGS="tests/test_errors.py"'),
    "make lock-serving": Cannot("asks a package index, and may change the inference server's lock"),
    "make test-dask": By(".ci/nightly"),
    "make test-prefect": By("tests/prefect/test_promises.py"),
    "make test-serving": By(".ci/nightly"),
    "make test-grown-up": By("tests/grown_up/test_grown_up.py"),
    "python -m include.cli check-model": CHECK_MODEL,
    "python deploy/s3_roles.py": By("tests/deploy/test_s3_roles.py::test_a_role_may_do_this_and_nothing_else"),
    "python3 deploy/kubernetes/make_secrets.py DATABASE_HOST | kubectl apply --namespace airflow --filename -": SECRETS,
}


def commands(text: str) -> set[str]:
    """The commands of a page: lines of its fenced blocks without their comments, and what stands in inline code."""
    fenced = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
    lines = [re.sub(r"^\s*[$] |\s+#.*", "", line).strip() for block in fenced.findall(text) for line in block.splitlines()]
    inline = re.findall(r"`([^`]+)`", fenced.sub("", text))
    return {" ".join(line.split()) for line in [*lines, *inline] if COMMAND.match(line)}


WRITTEN = set().union(*(commands(page.read_text()) for page in PAGES))
RUN = {command: how for command, how in COMMANDS.items() if isinstance(how, Here)}
ELSEWHERE = {command: how.node for command, how in COMMANDS.items() if isinstance(how, By)}


def test_commands_are_found_in_blocks_and_in_sentences() -> None:
    """A comment behind a command is none of it, a name is no command, and a line may break within one."""
    page = (
        "Run `make\ndemo`, not `airflow` or `docker-compose.yaml`.\n"
        "```\n$ make test  # all\n.ci/run\nlanding ─► monitor\n```\n"
    )
    assert commands(page) == {"make demo", "make test", ".ci/run"}


def test_every_command_has_its_place() -> None:
    """A command that is new in a document is executed, or a reason is given."""
    assert WRITTEN - COMMANDS.keys() == set()


def test_no_place_is_left_of_a_command_that_is_gone() -> None:
    """What no document says any more needs no test."""
    assert COMMANDS.keys() - WRITTEN == set()


@pytest.mark.parametrize("command", ELSEWHERE)
def test_what_is_documented_to_run_a_command_exists(command: str) -> None:
    """The test that is named exists; a script holds the command itself."""
    file, _, name = ELSEWHERE[command].partition("::")
    text = (ROOT / file).read_text()
    if file.endswith(".py"):
        assert f"\ndef {name or 'test_'}" in text
    else:
        assert command in text


def test_a_reason_is_a_sentence() -> None:
    """It is more than a word."""
    assert all(len(how.why) > 20 for how in COMMANDS.values() if isinstance(how, Cannot))


# What would steer the commands: this test's own make, and a stack that the caller's environment names.
FOREIGN = ("MAKE", "MFLAGS", "PYTEST", "PYTHONPATH", "PROVING_GROUND_", "AWS_", "MLFLOW_", "AIRFLOW")
# No other machine is asked, whether there is an internet or not: this machine itself, and else a port where nothing listens.
ALONE = {name: "http://127.0.0.1:9" for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")}
ALONE |= {name: "127.0.0.1,localhost" for name in ("NO_PROXY", "no_proxy")}


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Typed:
    """Type a command in a copy of the project, once: its exit code, all that it printed, and where the copy is."""
    projects = {place: copy(tmp_path_factory.mktemp(place)) for place in ("project", "dotenv")}
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)} | ALONE
    answers: dict[tuple[str, str], tuple[int, str, Path]] = {}

    def answer(command: str, place: str) -> tuple[int, str, Path]:
        if (command, place) not in answers:
            ran = subprocess.run(
                ["bash", "-c", command],
                cwd=projects[place],
                env=surroundings,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=120,
            )
            answers[command, place] = (ran.returncode, ran.stdout, projects[place])
        return answers[command, place]

    return answer


def copy(project: Path) -> Path:
    """What git would hand over, with this Python's environment in it and no way to harm it: links, in a folder of its own."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0"):
        if (ROOT / name).is_file() and not (ROOT / name).is_symlink():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, project / name)
    (project / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        if part.name != ".ready":
            (project / ".venv" / part.name).symlink_to(part)
    # Newer than the lock, so that make does not install.
    (project / ".venv/.ready").touch()
    (project / "churn").mkdir()
    for data in ("sample.csv", "churn/week.csv"):
        sample(project / data)
    return project


@pytest.mark.parametrize("command", RUN)
def test_a_command_does_what_its_documentation_states(command: str, typed: Typed) -> None:
    """It ends as expected, and says or leaves what it should."""
    how = RUN[command]
    if how.after:
        typed(how.after, how.place)
    code, output, project = typed(how.typed or command, how.place)
    assert code == how.code, output
    assert how.summary in ((project / how.leaves).read_text() if how.leaves and how.summary not in output else output)
    assert not how.leaves or (project / how.leaves).stat().st_size > 0
