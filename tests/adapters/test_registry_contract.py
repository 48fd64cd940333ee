"""The promises of the registry, kept by the one in memory that the steps are tested with and by the real MLflow server."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from include.adapters.mlflow_registry import MlflowRegistry
from include.adapters.registry import CHALLENGER, CHAMPION, LoggedTrial, Registry, card_path
from include.errors import ArtifactChanged, RegistryError, RegistryUnreachable
from include.models.contract import Model
from tests.adapters.registering import fitted, registered, training
from tests.fakes import FakeRegistry
from tests.toy import changed, rows

NUMBER = iter(range(1000))
KINDS = ("memory", "mlflow")


@pytest.fixture(params=KINDS)
def registry(request: pytest.FixtureRequest) -> Registry:
    """A registry of each kind; the server is started only where it is asked for."""
    if request.param == "memory":
        return FakeRegistry()
    return MlflowRegistry(request.getfixturevalue("mlflow_server"), "http://registry.example")


@pytest.fixture
def model() -> Model:
    """The toy model under a name that no other test has used."""
    return changed(name=f"contract_{next(NUMBER)}", trusted_types=("numpy.dtype",))


def test_a_version_carries_the_tags_of_its_training(registry: Registry, model: Model) -> None:
    """What registering returns is what is found by number, with the key of the training beside the other tags."""
    made = registered(registry, model)
    assert (made.model_name, made.number) == (model.name, "1")
    assert made.tags == training().tags | {"training_key": "key1"}
    assert registry.version(model.name, "1") == made
    assert registry.exists(model.name, "1")
    assert not registry.exists(model.name, "2")


def test_it_predicts_as_before_it_was_kept(registry: Registry, model: Model) -> None:
    """What comes back is the pipeline that went in."""
    registered(registry, model)
    features = rows(1)[model.feature_names]
    expected = fitted(model).predict_proba(features)
    assert (registry.load(model, "1").predict_proba(features) == expected).all()


def test_the_same_training_is_found_again(registry: Registry, model: Model) -> None:
    """By its key, the oldest version of it; another key, or another model's, is not taken for it."""
    assert registry.find_trained(model.name, "key1") is None
    registered(registry, model, "key0")
    made = registered(registry, model)
    registered(registry, model)
    assert registry.find_trained(model.name, "key1") == made
    assert registry.find_trained(model.name, "key") is None
    assert registry.find_trained(f"{model.name}x", "key1") is None


def test_there_is_no_champion_at_first(registry: Registry, model: Model) -> None:
    """Neither of a model that the registry does not know, nor of one without the alias."""
    assert registry.champion(model.name) is None
    registered(registry, model)
    assert registry.champion(model.name) is None


def test_an_alias_moves_and_goes(registry: Registry, model: Model) -> None:
    """One version at a time carries it; setting and dropping twice changes nothing."""
    for key in ("key1", "key2"):
        registered(registry, model, key)
    for number in ("1", "2", "2"):
        registry.set_alias(model.name, CHAMPION, number)
        assert registry.champion(model.name) == registry.version(model.name, number)
    registry.set_alias(model.name, CHALLENGER, "1")
    for _ in range(2):
        registry.drop_alias(model.name, CHAMPION)
    assert registry.champion(model.name) is None
    assert registry.aliased(model.name, CHALLENGER) == registry.version(model.name, "1")


def test_the_models_do_not_see_each_other(registry: Registry, model: Model) -> None:
    """A champion, a version and an artifact belong to one model."""
    registered(registry, model)
    registry.set_alias(model.name, CHAMPION, "1")
    other = changed(model, name=f"{model.name}_other")
    assert registry.champion(other.name) is None
    assert not registry.exists(other.name, "1")
    assert registry.all_versions(other.name) == []
    registered(registry, other)
    assert registry.champion(other.name) is None
    assert [version.model_name for version in registry.all_versions(model.name)] == [model.name]


def test_what_does_not_exist_is_refused(registry: Registry, model: Model) -> None:
    """An alias cannot be moved to nothing, and a version that is not there is no empty one; trying again does not help."""
    registered(registry, model)
    attempts: list[Callable[[], object]] = [
        partial(registry.set_alias, model.name, CHAMPION, "9"),
        partial(registry.version, model.name, "9"),
        partial(registry.annotate, model.name, "9", {"a": "b"}),
        partial(registry.annotate_model, f"{model.name}x", {"a": "b"}),
        partial(registry.artifact_digest, model.name, "9"),
        partial(registry.artifact, model.name, "9"),
        partial(registry.load, model, "9"),
        partial(registry.example, model.name, "9"),
        partial(registry.try_out, model, "9", rows(0)[model.feature_names]),
    ]
    for attempt in attempts:
        with pytest.raises(RegistryError, match=f"refused {model.name}") as refusal:
            attempt()
        assert not refusal.value.transient


def test_another_artifact_than_the_validated_one_is_not_loaded(registry: Registry, model: Model) -> None:
    """The digest of a version stays, is that of the artifact that is handed on, and is checked where one is expected."""
    registered(registry, model)
    digest = registry.artifact_digest(model.name, "1")
    assert registry.artifact_digest(model.name, "1") == digest == registry.artifact(model.name, "1").digest
    assert registry.load(model, "1", digest) is not None
    with pytest.raises(ArtifactChanged, match=f"{model.name} version 1.*validated was {'0' * 16}"):
        registry.load(model, "1", "0" * 64)


def test_the_example_beside_the_artifact_comes_back(registry: Registry, model: Model) -> None:
    """A version can be tried when all training data are gone, and answers as the pipeline did."""
    version = registered(registry, model)
    example = registry.example(model.name, version.number)
    assert list(example.columns) == model.feature_names
    assert len(example) == 5
    trial = registry.try_out(model, "1", example)
    assert (trial.answers == fitted(model).predict_proba(example)).all()
    assert min(trial.load_seconds, trial.latency_ms, trial.size_mb, trial.memory_mb) > 0


def test_aliases_and_tags_of_a_model_come_together(registry: Registry, model: Model) -> None:
    """All of them; nothing for a model that was never registered."""
    assert registry.overview(model.name) == ({}, {})
    number = registered(registry, model).number
    registry.set_alias(model.name, "champion", number)
    registry.set_alias(model.name, "previous", number)
    registry.annotate_model(model.name, {"ledger_mirrored": "7"})
    aliases, tags = registry.overview(model.name)
    assert aliases == {"champion": number, "previous": number}
    assert tags["ledger_mirrored"] == "7"


def test_tags_are_set_and_removed(registry: Registry, model: Model) -> None:
    """Those that are named, and no other; removing one that is not there changes nothing."""
    registered(registry, model)
    registry.annotate(model.name, "1", {"review": "yes", "review_by": "alice"}, "a description")
    for _ in range(2):
        registry.drop_tags(model.name, "1", ["review", "never_set"])
    tags = registry.version(model.name, "1").tags
    assert "review" not in tags
    assert tags["review_by"] == "alice"


@pytest.mark.parametrize("text", ["it's", '"quoted"', "<script>alert(1)</script>", "two\nlines", "ä \u200b", "x" * 5000])
def test_a_tag_is_kept_letter_for_letter(registry: Registry, model: Model, text: str) -> None:
    """Text from outside does nothing."""
    registered(registry, model)
    registry.annotate(model.name, "1", {"reason": text})
    assert registry.version(model.name, "1").tags["reason"] == text


def test_a_report_is_read_back(registry: Registry, model: Model) -> None:
    """Letter for letter, also from a folder; a second one takes its place, and one that is not there is an error."""
    made = registered(registry, model)
    card, text = card_path("0123456789abcdef"), "## ä \u200b\u2003 | card |\n\nline\n"
    addresses = {registry.log_report(made.run_id, card, written) for written in ("before", text)}
    assert len(addresses) == 1
    assert registry.read_report(made.run_id, card) == text
    with pytest.raises((RegistryError, RegistryUnreachable)):
        registry.read_report(made.run_id, "cards/other.md")


def test_pictures_and_pages_have_one_address(registry: Registry, model: Model) -> None:
    """Whatever is written again is found where it was; another replay, version or run is elsewhere."""
    made = registered(registry, model)
    pictures = {registry.log_picture(made.run_id, "decision.png", png) for png in (b"first", b"second")}
    assert registry.read_picture(made.run_id, "decision.png") == b"second"
    first, second = (registry.log_replay(model.name, "0123abcd", {"replay.html": text}, {"a": "b"}) for text in "xy")
    other = registry.log_replay(model.name, "4567cdef", {"replay.html": "z", "replay.json": "{}"}, {})
    assert first == second
    pages = registry.run_url(made.run_id), registry.version_url(model.name, "1"), registry.version_url(model.name, "2")
    assert len({*pictures, first, other, *pages}) == 6


def test_a_removed_version_is_gone_and_its_run_stays(registry: Registry, model: Model) -> None:
    """The card beside the run opens as before; removing it twice is no error."""
    kept, version = registered(registry, model), registered(registry, model, key="key2")
    registry.set_alias(model.name, CHALLENGER, version.number)
    registry.log_report(version.run_id, "decision_card.md", "why it was refused")
    for _ in range(2):
        registry.remove_version(model.name, version.number)
    assert [left.number for left in registry.all_versions(model.name)] == [kept.number]
    assert not registry.exists(model.name, version.number)
    assert registry.aliased(model.name, CHALLENGER) is None
    assert registry.find_trained(model.name, "key2") is None
    assert registry.read_report(version.run_id, "decision_card.md") == "why it was refused"


def test_versions_are_listed_by_their_number(registry: Registry, model: Model) -> None:
    """The second comes after the first; in memory, where registering takes no second, also the tenth after the ninth."""
    pipeline, example = fitted(model), rows(0)[model.feature_names].head(5)
    numbers = ["1", "2"] if isinstance(registry, MlflowRegistry) else [str(number) for number in range(1, 12)]
    for number in numbers:
        registry.register(model, pipeline, example, training(f"key{number}"))
    assert [version.number for version in registry.all_versions(model.name)] == numbers


@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_is_never_an_answer(kind: str, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question and each change fails as unreachable, which is tried again: an outage must not look like "no champion"."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    registry: Registry = MlflowRegistry("http://127.0.0.1:9", "http://registry.example")
    if kind == "memory":
        registry = FakeRegistry()
        registered(registry, model)
        registry.down = True
    run, features = "0" * 32, rows(0)[model.feature_names]
    attempts: dict[str, Callable[[], Any]] = {
        "aliased": lambda: registry.aliased(model.name, CHAMPION),
        "champion": lambda: registry.champion(model.name),
        "version": lambda: registry.version(model.name, "1"),
        "exists": lambda: registry.exists(model.name, "1"),
        "all_versions": lambda: registry.all_versions(model.name),
        "remove_version": lambda: registry.remove_version(model.name, "1"),
        "overview": lambda: registry.overview(model.name),
        "annotate_model": lambda: registry.annotate_model(model.name, {"a": "b"}),
        "set_alias": lambda: registry.set_alias(model.name, CHAMPION, "1"),
        "drop_alias": lambda: registry.drop_alias(model.name, CHAMPION),
        "annotate": lambda: registry.annotate(model.name, "1", {"a": "b"}),
        "drop_tags": lambda: registry.drop_tags(model.name, "1", ["a"]),
        "run_url": lambda: registry.run_url(run),
        "find_trained": lambda: registry.find_trained(model.name, "key1"),
        "register": lambda: registry.register(model, fitted(model), features, training("key2")),
        "artifact_digest": lambda: registry.artifact_digest(model.name, "1"),
        "artifact": lambda: registry.artifact(model.name, "1"),
        "load": lambda: registry.load(model, "1"),
        "try_out": lambda: registry.try_out(model, "1", features),
        "across": lambda: registry.across(model, "1", features, sys.executable),
        "example": lambda: registry.example(model.name, "1"),
        "log_picture": lambda: registry.log_picture(run, "a.png", b"png"),
        "log_report": lambda: registry.log_report(run, "a.md", "text"),
        "read_report": lambda: registry.read_report(run, "a.md"),
        "read_picture": lambda: registry.read_picture(run, "a.png"),
        "log_replay": lambda: registry.log_replay(model.name, "0123abcd", {"a.html": "x"}, {}),
        "log_trial": lambda: registry.log_trial(model.name, LoggedTrial("0123abcd", "a search", 1, "finished", {}, {})),
    }
    promised = {name for name in vars(Registry) if not name.startswith("_")} - {"version_url"}
    assert set(attempts) == promised
    for attempt in attempts.values():
        with pytest.raises(RegistryUnreachable) as outage:
            attempt()
        assert outage.value.transient
