"""What is particular to MLflow behind the registry, and servers that fail as they do in real life."""

import os
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import mlflow
import pytest
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST
from mlflow.tracking import MlflowClient

from include.adapters.mlflow_registry import MlflowRegistry, _translate_errors
from include.adapters.registry import CHAMPION, LoggedTrial, Version
from include.errors import ArtifactChanged, RegistryError, RegistryUnreachable, UntrustedModel
from include.models.contract import Model
from tests.adapters.registering import fitted, registered, training
from tests.fakes import Crash
from tests.servers import Asked, Reply, answering
from tests.toy import MODEL, changed, rows

NUMBER = iter(range(1000))
EVIL = ["it's", '"quoted"', "<script>alert(1)</script>", "two\nlines", "../../x", "a' or tags.training_key != '", "x" * 10_000]
TREES = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"


@pytest.fixture
def registry(mlflow_server: str) -> MlflowRegistry:
    return MlflowRegistry(mlflow_server, "http://registry.example")


@pytest.fixture
def client(mlflow_server: str) -> MlflowClient:
    return MlflowClient(tracking_uri=mlflow_server, registry_uri=mlflow_server)


@pytest.fixture
def model() -> Model:
    """The toy model under a name that no other test has used."""
    return changed(name=f"toy_{next(NUMBER)}", trusted_types=("numpy.dtype",))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in production, but for the time-out: at most three attempts, each of a second."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")


def a_trial(number: int, outcome: Any, value: float | None, search: str = "0123abcd") -> LoggedTrial:
    metrics = {"seconds": 2.5} | ({"roc_auc": value} if value is not None else {})
    problem = "it's <b>wrong</b>" if outcome == "failed" else ""
    best = {"trial": "1", "parameters": '{"rate": 0.1}'}
    return LoggedTrial(search, "trees search", number, outcome, {"rate": 0.1}, metrics, problem, best, 0.7)


def runs_of(client: MlflowClient, model: Model) -> list[Run]:
    experiment = client.get_experiment_by_name(model.name)
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def build_trees(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    return make_pipeline(OrdinalEncoder(), HistGradientBoostingClassifier(max_iter=2, random_state=seed))


class Test_registering:
    """What a version carries."""

    def test_a_version_says_what_it_was_made_of(self, registry: MlflowRegistry, client: MlflowClient, model: Model) -> None:
        """Tags on version and run, parameters, data set by digest, source, signature and example, and a skops file."""
        made = registered(registry, model)
        assert (made.model_name, made.number) == (model.name, "1")
        assert made.tags == training().tags | {"training_key": "key1"}
        run = client.get_run(made.run_id)
        assert run.info.status == "FINISHED"
        assert run.data.params == {"C": "0.1"}
        assert run.data.metrics == {"fit_seconds": 0.5}
        assert run.data.tags.items() >= made.tags.items()
        assert run.inputs is not None
        (dataset,) = run.inputs.dataset_inputs
        assert (dataset.dataset.name, dataset.dataset.digest) == ("toy", "d" * 36)
        assert [file.path for file in client.list_artifacts(made.run_id)] == ["model_source.py"]
        info = mlflow.models.get_model_info(f"models:/{model.name}/1")
        assert info.signature.inputs.input_names() == model.feature_names
        assert info.saved_input_example_info is not None
        assert info.flavors["sklearn"]["serialization_format"] == "skops"
        assert client.get_registered_model(model.name).tags["owner"] == model.owner

    def test_the_run_of_a_killed_try_is_closed(self, registry: MlflowRegistry, client: MlflowClient, model: Model) -> None:
        """It becomes KILLED; runs of other trainings, which may be alive, are left alone."""
        registered(registry, model, "key0")
        experiment = client.get_experiment_by_name(model.name)
        assert experiment is not None
        dead, alive = (client.create_run(experiment.experiment_id, tags={"training_key": key}) for key in ("key1", "key2"))
        registered(registry, model)
        assert client.get_run(dead.info.run_id).info.status == "KILLED"
        assert client.get_run(alive.info.run_id).info.status == "RUNNING"

    def test_types_that_the_model_does_not_list_are_not_even_kept(self, registry: MlflowRegistry, model: Model) -> None:
        """The training fails with the names of the types, and there is no version of it."""
        example = rows(0)[["x"]].head(5)
        trees = build_trees(0).fit(rows(0)[["x"]], rows(0)["y"])
        with pytest.raises(UntrustedModel, match=f"TreePredictor.*include/models/{model.name}.py"):
            registry.register(model, trees, example, training())
        assert registry.find_trained(model.name, "key1") is None
        listed = changed(model, trusted_types=(TREES,))
        assert registry.register(listed, trees, example, training()).number == "1"
        assert registry.load(listed, "1") is not None


class Test_artifacts:
    """What was validated is what is loaded."""

    def test_a_changed_artifact_is_seen(self, registry: MlflowRegistry, mlflow_server: str, model: Model) -> None:
        """The digest stays for as long as the bytes do; a version whose bytes changed is not loaded."""
        made = registered(registry, model)
        before = registry.artifact_digest(model.name, "1")
        assert registry.artifact_digest(model.name, "1") == before
        assert registry.load(model, "1", before) is not None
        overwrite(mlflow_server, model.name, artifact_of(registry, model, other_key="key2"))
        assert registry.artifact_digest(model.name, made.number) != before
        with pytest.raises(ArtifactChanged, match=rf"{model.name} version 1.*validated was {before[:16]}"):
            registry.load(model, "1", before)

    @pytest.mark.parametrize("data", [b"", b"not a zip", b"\x80\x04N.", b"PK\x05\x06" + bytes(18)])
    def test_what_is_no_skops_file_is_not_loaded(
        self, registry: MlflowRegistry, mlflow_server: str, model: Model, data: bytes
    ) -> None:
        """Not even when it has the name of one: nothing is unpickled, and the message says what to do."""
        registered(registry, model)
        overwrite(mlflow_server, model.name, data)
        with pytest.raises(
            UntrustedModel, match=rf"{model.name} version 1: its model.skops is no skops file.*run {model.name}"
        ):
            registry.load(model, "1")

    def test_types_are_believed_to_this_repository_only(self, registry: MlflowRegistry, model: Model) -> None:
        """The artifact names the types that it wants trusted; the model's own list decides."""
        example = rows(0)[["x"]].head(5)
        trees = build_trees(0).fit(rows(0)[["x"]], rows(0)["y"])
        registry.register(changed(model, trusted_types=(TREES,)), trees, example, training())
        with pytest.raises(UntrustedModel, match=f"would create {TREES}"):
            registry.load(model, "1")

    @pytest.mark.parametrize("kind", ["pickle", "cloudpickle"])
    def test_a_pickle_is_refused(self, registry: MlflowRegistry, model: Model, kind: str) -> None:
        """Somebody registered by hand what runs code when it is loaded: digest and load say how to register it."""
        with registry._as_mlflow_default():
            mlflow.set_experiment(model.name)
            with mlflow.start_run():
                mlflow.sklearn.log_model(
                    fitted(model),
                    name="model",
                    serialization_format=kind,
                    registered_model_name=model.name,
                    pip_requirements=[],
                )
        for attempt in (partial(registry.load, model, "1"), partial(registry.artifact_digest, model.name, "1")):
            with pytest.raises(UntrustedModel, match=r"holds no model.skops.*Register it through the pipeline"):
                attempt()

    def test_a_replay_has_one_run_however_often_it_is_told(
        self, registry: MlflowRegistry, client: MlflowClient, model: Model
    ) -> None:
        """Its pages are in a finished run of the model's experiment, found by the digest; another replay is another run."""
        first, second = (registry.log_replay(model.name, "0123abcd", {"replay.html": text}, {"a": "b"}) for text in "xy")
        other = registry.log_replay(model.name, "4567cdef", {"replay.html": "z", "replay.json": "{}"}, {})
        assert first == second != other
        run_id = first.split("/runs/")[1].split("/")[0]
        assert first.endswith(f"/runs/{run_id}/artifacts/replay.html")
        assert Path(client.download_artifacts(run_id, "replay.html")).read_text() == "y"
        run = client.get_run(run_id)
        assert (run.info.status, run.data.tags["replay"], run.data.tags["a"]) == ("FINISHED", "0123abcd", "b")

    def test_trials_are_runs_nested_in_that_of_their_search(
        self, registry: MlflowRegistry, client: MlflowClient, model: Model
    ) -> None:
        """Each once, ended as it ended, with parameters and values; the search's own run shows the best so far, closed."""
        for number, outcome, value in ((1, "finished", 0.7), (2, "failed", None), (3, "pruned", 0.6), (3, "pruned", 0.6)):
            registry.log_trial(model.name, a_trial(number, outcome, value))
        registry.log_trial(model.name, a_trial(1, "finished", 0.5, search="4567cdef"))
        runs = runs_of(client, model)
        assert {run.info.status for run in runs if "mlflow.parentRunId" not in run.data.tags} == {"FINISHED"}
        (parent,) = [run for run in runs if (run.data.tags["search"], run.data.tags["trial"]) == ("0123abcd", "all")]
        nested = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
        assert sorted((run.info.run_name, run.info.status) for run in nested) == [
            ("trial 1", "FINISHED"),
            ("trial 2", "FAILED"),
            ("trial 3", "KILLED"),
        ]
        by_name = {run.info.run_name: run for run in nested}
        assert by_name["trial 1"].data.params == {"rate": "0.1"}
        assert by_name["trial 1"].data.metrics["roc_auc"] == 0.7
        assert by_name["trial 1"].info.end_time - by_name["trial 1"].info.start_time >= 2000
        assert by_name["trial 2"].data.tags["problem"] == "it's <b>wrong</b>"
        assert parent.info.run_name == "trees search"
        assert parent.data.tags["best_trial"] == "1"
        assert [one.step for one in client.get_metric_history(parent.info.run_id, "best")] == [1, 2, 3]
        assert len(runs) == 6

    def test_a_trial_whose_logging_was_killed_is_completed(
        self, registry: MlflowRegistry, client: MlflowClient, model: Model, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between making its run and ending it: the next try finds it, and leaves no run open."""

        def killed(*_: Any, **__: Any) -> None:
            raise Crash

        with monkeypatch.context() as dying:
            dying.setattr(registry, "_log_all", killed)
            with pytest.raises(Crash):
                registry.log_trial(model.name, a_trial(1, "finished", 0.7))
        assert {run.info.status for run in runs_of(client, model)} == {"RUNNING"}
        registry.log_trial(model.name, a_trial(1, "finished", 0.7))
        assert [run.info.status for run in runs_of(client, model)] == ["FINISHED", "FINISHED"]

    def test_searches_of_several_workers_do_not_disturb_each_other(
        self, mlflow_server: str, client: MlflowClient, model: Model
    ) -> None:
        """Four tasks of a new model at once, each with its own client: one experiment, each search once with its trials."""

        def worker(number: int) -> None:
            own = MlflowRegistry(mlflow_server, "http://registry.example")
            for turn in (1, 2, 3):
                own.log_trial(model.name, a_trial(turn, "finished", 0.7, search=f"{number:08}"))

        with ThreadPoolExecutor(4) as workers:
            list(workers.map(worker, range(4)))
        runs = runs_of(client, model)
        assert len(runs) == 4 * (1 + 3)
        assert {run.info.status for run in runs} == {"FINISHED"}
        assert len([run for run in runs if run.data.tags["trial"] == "all"]) == 4

    def test_the_environment_of_the_process_stays_as_it_was(
        self, registry: MlflowRegistry, model: Model, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Settings that are read after a version was kept name the server that they named before."""
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere:5000")
        monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
        registered(registry, model)
        assert registry.load(model, "1") is not None
        assert os.environ["MLFLOW_TRACKING_URI"] == "http://elsewhere:5000"
        assert "MLFLOW_REGISTRY_URI" not in os.environ

    def test_the_page_of_a_run_is_told(self, registry: MlflowRegistry, client: MlflowClient, model: Model) -> None:
        """By its experiment, as MLflow's page wants it."""
        made = registered(registry, model)
        experiment = client.get_run(made.run_id).info.experiment_id
        assert registry.run_url(made.run_id) == f"http://registry.example/#/experiments/{experiment}/runs/{made.run_id}"

    def test_a_report_is_overwritten(self, registry: MlflowRegistry, client: MlflowClient, model: Model) -> None:
        """The same address, the newest text."""
        made = registered(registry, model)
        addresses = {registry.log_report(made.run_id, "drift/a b.html", text) for text in ("first", "second")}
        assert len(addresses) == 1
        assert addresses.pop().endswith(f"/runs/{made.run_id}/artifacts/drift/a%20b.html")
        assert Path(client.download_artifacts(made.run_id, "drift/a b.html")).read_text() == "second"

    def test_a_picture_is_served_where_markdown_looks_for_it(
        self, registry: MlflowRegistry, mlflow_server: str, model: Model
    ) -> None:
        """The address in the card gives the very bytes, as a picture; a second one takes its place."""
        made = registered(registry, model)
        addresses = {registry.log_picture(made.run_id, "decision.png", png) for png in (b"\x89PNG first", b"\x89PNG second")}
        assert len(addresses) == 1
        address = addresses.pop().replace("http://registry.example", mlflow_server)
        with urllib.request.urlopen(address) as answer:
            assert answer.read() == b"\x89PNG second"

    def test_an_artifact_is_tried_out_by_a_process_of_its_own(self, registry: MlflowRegistry, model: Model) -> None:
        """From the registry's bytes, not from what is in memory here."""
        registered(registry, model)
        asked = rows(1)[model.feature_names].head(7)
        trial = registry.try_out(model, "1", asked)
        assert (trial.answers == fitted(model).predict_proba(asked)).all()


class Test_odd_words:
    """Text from outside is kept as it is, or refused; it does nothing."""

    @pytest.mark.parametrize("text", EVIL, ids=lambda text: repr(text[:12]))
    def test_in_tags_and_descriptions(self, registry: MlflowRegistry, client: MlflowClient, model: Model, text: str) -> None:
        """They come back letter for letter; a description is cut where Postgres would refuse it."""
        registered(registry, model)
        registry.annotate(model.name, "1", {"reason": text}, text)
        assert registry.version(model.name, "1").tags["reason"] == text
        assert client.get_model_version(model.name, "1").description == text[:5000]

    @pytest.mark.parametrize("name", EVIL, ids=lambda text: repr(text[:12]))
    def test_in_names(self, registry: MlflowRegistry, model: Model, name: str) -> None:
        """A name that is none finds nothing, changes nothing, and leaves our errors only."""
        registered(registry, model)
        for attempt in (
            lambda: registry.find_trained(name, "key1"),
            lambda: registry.find_trained(model.name, name),
            lambda: registry.champion(name),
            lambda: registry.artifact_digest(name, "1"),
            lambda: registry.annotate(name, "1", {"a": "b"}),
            lambda: registry.set_alias(model.name, name, "1"),
        ):
            try:
                assert attempt() is None
            except RegistryError as error:
                assert len(str(error)) < 1000  # noqa: PT017 - some are refused, others find nothing
        assert registry.version(model.name, "1").tags == training().tags | {"training_key": "key1"}

    def test_in_paths_of_reports(self, registry: MlflowRegistry, model: Model) -> None:
        """A report cannot be written beside its run."""
        made = registered(registry, model)
        for path in ("../../x", "/etc/x", "a/../../x"):
            with pytest.raises(RegistryError):
                registry.log_report(made.run_id, path, "text")

    def test_in_addresses(self, registry: MlflowRegistry) -> None:
        """They are quoted: an address stays one."""
        assert registry.version_url("a/b ?#", "1") == "http://registry.example/#/models/a%2Fb%20%3F%23/versions/1"
        assert " " not in registry.artifact_url("run", 'a b"<', "1")


class Test_outages:
    """No answer is no answer."""

    @pytest.mark.parametrize("answer", ["refused", "hangs", 500, 502, 503, 504, 429, 408, "empty", "no json", "half"])
    @pytest.mark.usefixtures("impatient")
    def test_an_outage_never_looks_like_no_champion(self, answer: Any) -> None:
        """Every question fails as unreachable, which is tried again, and does so soon."""
        with failing(answer) as address:
            registry = MlflowRegistry(address, address)
            asked: dict[str, Callable[[], object]] = {
                "champion": lambda: registry.champion("toy"),
                "version": lambda: registry.version("toy", "1"),
            }
            if answer != "empty":
                asked |= {
                    "find": lambda: registry.find_trained("toy", "key1"),
                    "move": lambda: registry.set_alias("toy", CHAMPION, "1"),
                    "digest": lambda: registry.artifact_digest("toy", "1"),
                    "report": lambda: registry.log_report(f"{next(NUMBER):032x}", "x.md", "x"),
                    "register": lambda: registry.register(MODEL, None, rows(0), training()),
                }
            for ask in asked.values():
                began = time.monotonic()
                with pytest.raises(RegistryUnreachable, match="did not answer"):
                    ask()
                assert time.monotonic() - began < 10

    @pytest.mark.parametrize("answer", [401, 403, 404])
    @pytest.mark.usefixtures("impatient")
    def test_a_refusal_is_no_outage_and_no_answer_either(self, answer: int) -> None:
        """Wrong credentials, a wrong address or a host that is not allowed: trying again would not help."""
        with failing(answer) as address:
            registry = MlflowRegistry(address, address)
            for ask in (partial(registry.champion, "toy"), partial(registry.find_trained, "toy", "key1")):
                with pytest.raises(RegistryError, match="refused") as refusal:
                    ask()
                assert not refusal.value.transient

    def test_a_request_that_mlflow_repeated_after_a_time_out_may_be_tried_again(self) -> None:
        """The first one had been carried out, so the second one met its rows: a new try of the task starts a new run."""
        repeated = MlflowException(
            "(sqlite3.IntegrityError) UNIQUE constraint failed: inputs.source_id", error_code=BAD_REQUEST
        )
        with pytest.raises(RegistryUnreachable), _translate_errors("toy"):
            raise repeated

    @pytest.mark.parametrize(("answer", "transient"), [(503, True), (403, False), (413, False)])
    @pytest.mark.usefixtures("impatient")
    def test_artifacts_that_cannot_be_had_are_our_errors_too(
        self,
        registry: MlflowRegistry,
        client: MlflowClient,
        mlflow_server: str,
        model: Model,
        answer: int,
        transient: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """MLflow answers, its artifact store does not: registering, reading and reporting fail in our words."""
        # Here everything answers; on a busy machine a second would be too short for what MLflow writes.
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
        registered(registry, model)
        run = client.create_run("0")
        with failing(answer, beside=mlflow_server, only="/mlflow-artifacts/") as address:
            there = MlflowRegistry(address, address)
            for attempt in (
                lambda: there.artifact_digest(model.name, "1"),
                lambda: there.load(model, "1"),
                lambda: registered(there, model, "key2"),
                lambda: there.log_report(run.info.run_id, "report.md", "text"),
            ):
                with pytest.raises(RegistryError) as refusal:
                    attempt()
                assert refusal.value.transient == transient
        assert registry.find_trained(model.name, "key2") is None

    @pytest.mark.parametrize("answer", ["no json", "empty"])
    @pytest.mark.usefixtures("impatient")
    def test_a_login_page_in_front_of_the_artifacts_keeps_none(
        self,
        registry: MlflowRegistry,
        client: MlflowClient,
        mlflow_server: str,
        model: Model,
        answer: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """It answers 200 to an upload and to a download: nothing was kept, no version is made, and no page is a report."""
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
        made = registered(registry, model)
        registry.log_report(made.run_id, "before.md", "text")
        run = client.create_run("0").info.run_id
        with failing(answer, beside=mlflow_server, only="/mlflow-artifacts/") as address:
            there = MlflowRegistry(address, address)
            attempts: dict[str, Callable[[], object]] = {
                "digest": lambda: there.artifact_digest(model.name, "1"),
                "load": lambda: there.load(model, "1"),
                "register": lambda: registered(there, model, "key2"),
                "report": lambda: there.log_report(run, "drift/report.md", "text"),
                "picture": lambda: there.log_picture(run, "plot.png", b"png"),
                "replay": lambda: there.log_replay(model.name, "digest", {"replay.html": "text"}, {}),
                "read": lambda: there.read_report(made.run_id, "before.md"),
            }
            for name, attempt in attempts.items():
                with pytest.raises(RegistryError):
                    pytest.fail(f"{name}: {attempt()!r}")
        assert registry.find_trained(model.name, "key2") is None


class Test_a_version_made_by_hand:
    """It lacks what the pipeline writes onto its own."""

    @pytest.mark.parametrize(
        "ask",
        [lambda v: v.trained_until, lambda v: v.number_in("proved_value"), lambda v: v.tag("train_digest")],
        ids=["trained_until", "proved_value", "train_digest"],
    )
    def test_a_tag_that_is_absent_is_named(
        self, registry: MlflowRegistry, client: MlflowClient, model: Model, ask: Callable[[Version], Any], request: Any
    ) -> None:
        """With the version that lacks it, and what to do."""
        client.create_registered_model(model.name)
        client.create_model_version(model.name, "s3://somewhere/else")
        registry.set_alias(model.name, CHAMPION, "1")
        champion = registry.champion(model.name)
        assert champion is not None
        tag = request.node.callspec.id
        with pytest.raises(RegistryError, match=rf"{model.name} version 1 has no tag {tag}.*Move the alias"):
            ask(champion)

    @pytest.mark.parametrize("text", ["soon", "", "nan", "2013-02-30"])
    def test_a_tag_that_is_mistyped_is_named(self, text: str) -> None:
        """With its value and what is accepted."""
        version = Version("toy", "3", "run", {"trained_until": text, "proved_value": text})
        with pytest.raises(RegistryError, match=rf"toy version 3 has the tag trained_until='{text}'; accepted is a time"):
            _ = version.trained_until
        with pytest.raises(RegistryError, match="accepted is a number"):
            version.number_in("proved_value")

    def test_a_time_without_a_zone_is_utc(self) -> None:
        """So that it can be compared with times of the feed."""
        typed = Version("toy", "3", "run", {"trained_until": "2013-03-11"})
        assert typed.trained_until == datetime(2013, 3, 11, tzinfo=UTC)


def artifact_of(registry: MlflowRegistry, model: Model, other_key: str) -> bytes:
    """The model file of another version, trained on other rows."""
    other = changed(model, name=f"{model.name}_other")
    whole = rows(3)
    registry.register(
        other,
        other.candidate.build(1).fit(whole[other.feature_names], whole["y"]),
        whole[other.feature_names].head(5),
        training(other_key),
    )
    with registry._downloaded(other.name, "1") as kept:
        return kept.path.read_bytes()


def overwrite(address: str, model_name: str, data: bytes) -> None:
    """Put other bytes where the model file of version 1 is kept, as somebody with access to the artifacts can."""
    root = mlflow.models.get_model_info(f"models:/{model_name}/1").model_id
    client = MlflowClient(tracking_uri=address)
    place = client.get_logged_model(root).artifact_location.removeprefix("mlflow-artifacts:/")
    url = f"{address}/api/2.0/mlflow-artifacts/artifacts/{place}/model.skops"
    with urllib.request.urlopen(urllib.request.Request(url, data=data, method="PUT"), timeout=10) as answer:
        assert answer.status == 200


@contextmanager
def failing(answer: Any, beside: str = "", only: str = "") -> Iterator[str]:
    """The address of a server that answers with this status or in this way; what is not `only` it asks `beside`."""
    if answer == "refused":
        yield "http://127.0.0.1:9"
        return

    bodies = {"empty": b"", "no json": b"<html>log in</html>", "half": b'{"model_version": {"na'}

    def reply(asked: Asked) -> Reply:
        if beside and only not in asked.path:
            return ask_beside(asked)
        if answer == "hangs":
            time.sleep(2)
        if isinstance(answer, int):
            return Reply(answer, b"<html>no</html>")
        return Reply(body=bodies.get(answer, b""))

    def ask_beside(asked: Asked) -> Reply:
        headers = {"content-type": asked.content_type} if asked.content_type else {}
        url = f"{beside}{asked.path}"
        request = urllib.request.Request(url, data=asked.body or None, headers=headers, method=asked.method)
        try:
            with urllib.request.urlopen(request, timeout=30) as found:
                return Reply(found.status, found.read())
        except HTTPError as refusal:
            return Reply(refusal.code, refusal.read())

    with answering(reply) as address:
        yield address


def test_a_removed_version_is_gone_with_its_files_and_its_run_stays(
    registry: MlflowRegistry, client: MlflowClient, model: Model
) -> None:
    """The artifact's bytes are deleted, the card beside the run opens as before; twice is no error."""
    kept, version = registered(registry, model), registered(registry, model, key="key2")
    registry.log_report(version.run_id, "decision_card.md", "why it was refused")
    files = client.get_logged_model(
        str(client.get_model_version(model.name, version.number).source).split("/")[-1]
    ).artifact_location
    assert mlflow.artifacts.list_artifacts(files)
    for _ in range(2):
        registry.remove_version(model.name, version.number)
    assert [found.number for found in registry.all_versions(model.name)] == [kept.number]
    assert not registry.exists(model.name, version.number)
    assert registry.exists(model.name, kept.number)
    assert registry.artifact_digest(model.name, kept.number)
    assert registry.read_report(version.run_id, "decision_card.md") == "why it was refused"
    assert not mlflow.artifacts.list_artifacts(files)
