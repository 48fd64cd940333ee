"""What stands in deploy/kubernetes is what docker-compose.yaml says, in the words of Airflow's chart. No cluster was asked."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deploy.kubernetes.make_secrets import REQUIRED, SLACK, made, main, manifest, read

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy/kubernetes"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
SERVICES = COMPOSE["services"]
MANIFESTS = [part for name in ("mlflow", "monitors") for part in yaml.safe_load_all((FOLDER / f"{name}.yaml").read_text())]
MLFLOW, MLFLOW_SERVICE, *MONITORS = MANIFESTS

# The chart sets these variables itself, each from the key of the Secret that is named at this place in the values.
FROM_SECRETS = {
    "AIRFLOW__CORE__FERNET_KEY": ("fernetKeySecretName", "fernet-key"),
    "AIRFLOW__API__SECRET_KEY": ("apiSecretKeySecretName", "api-secret-key"),
    "AIRFLOW__API_AUTH__JWT_SECRET": ("jwtSecretName", "jwt-secret"),
    # Of this one the chart makes an Airflow connection; KEDA reads it.
    "AIRFLOW_CONN_AIRFLOW_DB": ("data.metadataSecretName", "connection"),
    "AIRFLOW__CELERY__BROKER_URL": ("data.brokerUrlSecretName", "connection"),
}
# What is not in the values, and why.
EXCEPTIONS = {
    "AIRFLOW__CORE__EXECUTOR": "the chart sets it from `executor`",
    "AIRFLOW_HOME": "the chart sets it from `airflowHome`",
    "AIRFLOW__METRICS__STATSD_ON": "the chart sets it from `statsd.enabled`",
    "AIRFLOW__METRICS__STATSD_HOST": "the chart names its own exporter",
    "AIRFLOW__METRICS__STATSD_PORT": "the chart names its own exporter",
    "AWS_SHARED_CREDENTIALS_FILE": "the keys are variables, from a Secret",
    "AIRFLOW__CELERY__RESULT_BACKEND": "Airflow makes it from the database's connection",
}
# Addresses and figures that belong to a place, not to the project.
ELSEWHERE = {
    "PROVING_GROUND_SERVING_BUCKET",
    "PROVING_GROUND_DASK_SCHEDULER",
    "PROVING_GROUND_S3_ENDPOINT",
    "MLFLOW_S3_ENDPOINT_URL",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
    "PROVING_GROUND_GIT_COMMIT",
    "PROVING_GROUND_REVIEW",
}


def merged(below: Any, above: Any) -> Any:
    """Two files of values as helm puts them together: maps key by key, everything else as a whole."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return below | {key: merged(below[key], value) if key in below else value for key, value in above.items()}


KUBERNETES = yaml.safe_load((FOLDER / "values.yaml").read_text())
CELERY = merged(KUBERNETES, yaml.safe_load((FOLDER / "values-celery-keda.yaml").read_text()))
both = pytest.mark.parametrize("values", [KUBERNETES, CELERY], ids=["kubernetes", "celery-keda"])


def at(values: Any, path: str) -> Any:
    """What stands at `a.b.c`, or None."""
    for key in path.split("."):
        values = values.get(key) if isinstance(values, dict) else None
    return values


def variables(values: Any) -> dict[str, str]:
    """The variables of the api-server that have their value in the values: `env`, and `config` as variables."""
    found = {item["name"]: item["value"] for item in values["env"]}
    for section, options in values["config"].items():
        found |= {f"AIRFLOW__{section}__{option}".upper(): str(value) for option, value in options.items()}
    return found


def referenced(values: Any) -> dict[str, tuple[str, str]]:
    """The variables that come out of a Secret: its name and key."""
    found = {item["envName"]: (item["secretName"], item["secretKey"]) for item in values["secret"]}
    for item in values["apiServer"]["env"]:
        found[item["name"]] = (item["valueFrom"]["secretKeyRef"]["name"], item["valueFrom"]["secretKeyRef"]["key"])
    return found | {name: (at(values, path), key) for name, (path, key) in FROM_SECRETS.items() if at(values, path)}


@both
def test_the_values_are_ones_that_the_chart_knows(values: Any) -> None:
    """A name that the chart does not know would be refused or, worse, ignored."""
    schema = yaml.safe_load((ROOT / "tests/deploy/airflow_chart.yaml").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(values, schema)


@both
def test_a_misspelt_value_is_found(values: Any) -> None:
    """The schema is closed: it would not let a wrong name pass."""
    schema = yaml.safe_load((ROOT / "tests/deploy/airflow_chart.yaml").read_text())
    misspelt: tuple[dict[str, Any], ...] = (
        {"worker": {}},
        {"workers": {"celery": {"kedar": {}}}},
        {"env": [{"name": "A", "valueFrom": {}}]},
    )
    for wrong in misspelt:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(merged(values, wrong), schema)


@pytest.mark.parametrize("service", ["api-server", "scheduler", "worker"])
def test_every_variable_of_compose_stands_in_the_values(service: str) -> None:
    """With Celery all of them; what the chart or Airflow sets by itself is named above, with the reason."""
    there = variables(CELERY).keys() | referenced(CELERY).keys() | EXCEPTIONS.keys()
    assert set(SERVICES[service]["environment"]) <= there
    assert not EXCEPTIONS.keys() & (variables(CELERY).keys() | referenced(CELERY).keys())


def test_a_pod_a_task_needs_all_but_celery() -> None:
    """What KubernetesExecutor leaves out is Celery's, and nothing else."""
    there = variables(KUBERNETES).keys() | referenced(KUBERNETES).keys() | EXCEPTIONS.keys()
    left_out = set(SERVICES["worker"]["environment"]) - there
    assert left_out
    assert all(name.startswith("AIRFLOW__CELERY_") for name in left_out)


def test_the_variables_have_the_same_values() -> None:
    """Only what belongs to a place differs; numbers may be written as numbers."""
    ours, theirs = variables(CELERY), SERVICES["worker"]["environment"]
    same = (set(ours) & set(theirs)) - ELSEWHERE
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
    assert len(same) > 25


@both
def test_every_option_is_one_of_airflows(values: Any) -> None:
    """Airflow reads past an option that it does not know, so a misspelt one would leave the default in place."""
    known = (
        "import json; from airflow.configuration import conf;"
        "print('\\n' + json.dumps({s: list(d['options']) for s, d in conf.configuration_description.items()}))"
    )
    answer = subprocess.run([sys.executable, "-c", known], capture_output=True, text=True, check=True)
    options = json.loads(answer.stdout.splitlines()[-1])
    # Its keys are the transport's, Redis's here.
    sections = values["config"].keys() - {"celery_broker_transport_options"}
    assert {f"{s}.{o}" for s in sections for o in values["config"][s]} <= {f"{s}.{o}" for s in options for o in options[s]}


@both
def test_image_and_user_are_those_of_compose(values: Any) -> None:
    """One image, one user, and the version of Airflow that is in the lock."""
    assert f"{values['defaultAirflowRepository']}:{values['defaultAirflowTag']}" == SERVICES["worker"]["image"]
    assert f"{values['uid']}:{values['gid']}" == SERVICES["worker"]["user"]
    assert f"\napache-airflow=={values['airflowVersion']} " in (ROOT / "requirements.txt").read_text()
    for name, service in (("statsd", "statsd-exporter"), ("redis", "redis")):
        assert SERVICES[service]["image"].endswith(f":{values['images'][name]['tag']}")


@both
def test_nothing_runs_as_root(values: Any) -> None:
    """No pod as root, none gains privileges, none keeps a capability."""
    contexts = [values["securityContexts"], values["statsd"]["securityContexts"]]
    contexts += [values["redis"]["securityContexts"]] if values["redis"]["enabled"] else []
    spec = MLFLOW["spec"]["template"]["spec"]
    contexts.append({"pod": spec["securityContext"], "container": spec["containers"][0]["securityContext"]})
    for context in contexts:
        assert context["pod"]["runAsNonRoot"] is True
        assert context["pod"]["runAsUser"] > 0
        assert context["container"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert (values["securityContexts"]["pod"]["runAsUser"], values["uid"]) == (50000, 50000)


@both
def test_limits_are_those_of_compose(values: Any) -> None:
    """What was enough as a service is what a pod may use, and every component has a limit."""
    parts = {"api-server": "apiServer", "scheduler": "scheduler", "dag-processor": "dagProcessor", "triggerer": "triggerer"}
    parts |= {"statsd-exporter": "statsd", "worker": "workers.kubernetes", "prepare": "migrateDatabaseJob"}
    if values["executor"] == "CeleryExecutor":
        parts |= {"redis": "redis", "worker": "workers.celery"}
    limits = {service: at(values, path)["resources"]["limits"] for service, path in parts.items()}
    limits["mlflow"] = MLFLOW["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    for service, ours in limits.items():
        theirs = SERVICES[service]["deploy"]["resources"]["limits"]
        cpu = float(ours["cpu"].removesuffix("m")) / (1000 if ours["cpu"].endswith("m") else 1)
        assert (cpu, ours["memory"]) == (float(theirs["cpus"]), theirs["memory"].upper() + "i"), service


@both
def test_the_chart_brings_no_password_of_its_own(values: Any) -> None:
    """Its database and its user have passwords that everybody knows: neither is made."""
    assert values["postgresql"]["enabled"] is False
    assert values["createUserJob"]["enabled"] is False
    assert values["redis"]["enabled"] is False or values["redis"]["passwordSecretName"]


def test_no_secret_stands_in_a_file() -> None:
    """What compose takes out of .env comes out of a Secret here, under every name that it has."""
    names = SERVICES["api-server"]["environment"]
    secret = {name for name in names if re.search("SECRET|_KEY|TOKEN|PASSWORD$|CONN_|BROKER_URL", name)}
    assert secret <= referenced(CELERY).keys()
    text = "\n".join(path.read_text() for path in FOLDER.glob("*.yaml"))
    assert not re.search(r"://[^/\s\"']*:[^/\s\"'@]+@", text)
    assert not re.search(
        r"^\s*[\w-]*(password|secret|token|key)[\w-]*: *[\"']?[A-Za-z0-9+/=_-]{16,}[\"']?$", text, re.M | re.I
    )


def test_every_secret_that_is_named_is_made() -> None:
    """The program that makes them and the values that read them agree on every name and key, and nothing else is made."""
    secrets = made({name: "value" for name in REQUIRED}, "db.example.com")
    asked = {*referenced(CELERY).values(), ("proving-ground", "passwords.json")}
    asked.add((CELERY["redis"]["passwordSecretName"], "password"))
    for item in MLFLOW["spec"]["template"]["spec"]["containers"][0]["env"]:
        if "valueFrom" in item:
            asked.add((item["valueFrom"]["secretKeyRef"]["name"], item["valueFrom"]["secretKeyRef"]["key"]))
    credentials = MONITORS[0]["spec"]["endpoints"][0]["authorization"]["credentials"]
    assert asked == {(name, key) for name, keys in secrets.items() for key in keys}
    assert (credentials["name"], credentials["key"]) in asked


@both
def test_the_database_is_named_once_for_keda_and_once_for_airflow(values: Any) -> None:
    """KEDA knows no driver's name in an address, and Airflow takes one that is not in the lock where there is none."""
    kept = made({name: "value" for name in REQUIRED}, "db")["proving-ground-database"]
    name = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
    assert values["enableBuiltInSecretEnvVars"] == {name: False}
    assert kept[referenced(values)[name][1]].startswith("postgresql+psycopg2://")
    assert kept["connection"].startswith("postgresql://")


def test_the_secrets_are_made_of_dotenv(tmp_path: Path) -> None:
    """`make env` and one command: kubectl reads a list of Secrets, and nothing was on a command line."""
    (tmp_path / "demo").mkdir()
    (tmp_path / "deploy/kubernetes").mkdir(parents=True)
    for name in ("docker-compose.yaml", ".env.example", "deploy/make_env.py", "deploy/kubernetes/make_secrets.py"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    subprocess.run([sys.executable, "deploy/make_env.py"], cwd=tmp_path, check=True, capture_output=True)
    command = [sys.executable, "deploy/kubernetes/make_secrets.py", "db.example.com"]
    answer = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    secrets = {item["metadata"]["name"]: item["stringData"] for item in json.loads(answer.stdout)["items"]}
    dotenv = read((tmp_path / ".env").read_text())
    assert secrets["proving-ground"]["fernet-key"] == dotenv["AIRFLOW_FERNET_KEY"]
    assert secrets["proving-ground-database"]["connection"] == (
        f"postgresql://proving:{dotenv['POSTGRES_PASSWORD']}@db.example.com:5432/airflow"
    )
    assert json.loads(secrets["proving-ground"]["passwords.json"]) == {"admin": dotenv["AIRFLOW_ADMIN_PASSWORD"]}


def test_a_missing_secret_is_reported_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half a Secret would be found by a pod that does not start."""
    (tmp_path / ".env").write_text("REDIS_PASSWORD=\nPOSTGRES_PASSWORD='kept'\n")
    assert main(["db.example.com"], tmp_path) == 2
    errors = capsys.readouterr().err
    assert "REDIS_PASSWORD" in errors
    assert "POSTGRES_PASSWORD" not in errors
    assert main([], tmp_path) == 2


def test_a_value_keeps_its_characters() -> None:
    """JSON in a value, quotes around one, and a password that an address would misread."""
    values = {name: "x" for name in REQUIRED} | read('AIRFLOW_CONN_SLACK_WEBHOOK={"a": "b=c"}\nREDIS_PASSWORD=\'p@:/\'\n')
    found = json.loads(manifest(made(values, "db")))["items"]
    secrets = {item["metadata"]["name"]: item["stringData"] for item in found}
    assert secrets["proving-ground"][SLACK] == '{"a": "b=c"}'
    assert secrets["proving-ground-broker"]["connection"].startswith("redis://:p%40%3A%2F@")


def test_mlflow_is_the_service_of_compose() -> None:
    """Same command, image, user and variables; its address and its keys come from elsewhere."""
    spec, theirs = MLFLOW["spec"]["template"]["spec"], SERVICES["mlflow"]
    container = spec["containers"][0]
    assert container["command"] == theirs["command"]
    assert container["image"] == theirs["image"]
    assert f"{spec['securityContext']['runAsUser']}:{spec['securityContext']['runAsGroup']}" == theirs["user"]
    keys = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert {item["name"] for item in container["env"]} - keys == set(theirs["environment"]) - {"AWS_SHARED_CREDENTIALS_FILE"}
    same = {item["name"]: item["value"] for item in container["env"] if "value" in item and item["name"] not in ELSEWHERE}
    assert same == {name: theirs["environment"][name] for name in same}
    assert container["startupProbe"]["exec"]["command"] == theirs["healthcheck"]["test"][1:]
    assert f"http://{MLFLOW_SERVICE['metadata']['name']}:5000" == variables(KUBERNETES)["MLFLOW_TRACKING_URI"]


def test_no_service_is_named_like_a_setting() -> None:
    """Kubernetes makes variables of a Service's name, and the pipeline refuses one of ours that it does not know."""
    services = [part["metadata"]["name"] for part in MANIFESTS if part["kind"] == "Service"]
    assert services
    assert not [name for name in services if name.startswith("proving-ground")]


def test_prometheus_reads_what_it_reads_in_compose() -> None:
    """The same paths, as often, and the models' figures with the token."""
    jobs = {
        job["job_name"]: job
        for job in yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    }
    models, airflow = (monitor["spec"]["endpoints"][0] for monitor in MONITORS)
    theirs = jobs["proving-ground"]
    assert (models["path"], models["interval"], models["scrapeTimeout"]) == (
        theirs["metrics_path"],
        theirs["scrape_interval"],
        theirs["scrape_timeout"],
    )
    assert models["authorization"]["type"] == "Bearer"
    assert airflow["port"] == "statsd-scrape"
    mapping = yaml.safe_load((ROOT / "deploy/statsd_mapping.yml").read_text())
    assert KUBERNETES["statsd"]["overrideMappings"] == mapping["mappings"]


def test_keda_counts_out_the_workers() -> None:
    """At least one, and one that has to go finishes the longest task that there may be."""
    celery = CELERY["workers"]["celery"]
    assert celery["keda"]["enabled"]
    assert 1 == celery["keda"]["minReplicaCount"] < celery["keda"]["maxReplicaCount"]
    assert celery["terminationGracePeriodSeconds"] == CELERY["config"]["celery_broker_transport_options"]["visibility_timeout"]
    slots = celery["keda"]["maxReplicaCount"] * CELERY["config"]["celery"]["worker_concurrency"]
    assert slots <= CELERY["config"]["core"]["parallelism"]


def test_the_image_has_what_the_chart_asks_of_it() -> None:
    """KubernetesExecutor's provider, and the program that the chart's probes begin with; nothing is locked twice."""
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    assert "> /entrypoint" in dockerfile
    assert "COPY deploy/kubernetes/requirements.txt" in dockerfile
    ours, theirs = (
        set(re.findall(r"^([a-z0-9._-]+)==", path.read_text(), re.MULTILINE))
        for path in (FOLDER / "requirements.txt", ROOT / "requirements.txt")
    )
    assert "apache-airflow-providers-cncf-kubernetes" in ours
    assert not ours & theirs
    # Both components would start a script of the official image.
    for values in (KUBERNETES, CELERY):
        for part in ("scheduler", "dagProcessor", "triggerer"):
            assert values[part]["logGroomerSidecar"]["enabled"] is False
    assert CELERY["workers"]["celery"]["logGroomerSidecar"]["enabled"] is False


def test_the_entrypoint_hands_over(tmp_path: Path) -> None:
    """The two lines that the image gets run what they are given, with its exit code."""
    line = next(line for line in (ROOT / "deploy/Dockerfile").read_text().splitlines() if "> /entrypoint" in line)
    program = tmp_path / "entrypoint"
    subprocess.run(["sh", "-c", line.removeprefix("RUN ").replace("/entrypoint", str(program))], check=True)
    answer = subprocess.run([program, "sh", "-c", 'echo "$1"; exit 3', "-", "two words"], capture_output=True, text=True)
    assert (answer.returncode, answer.stdout) == (3, "two words\n")
    assert os.access(program, os.X_OK)
