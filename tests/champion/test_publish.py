"""What inference servers read is the champion, whole, whatever dies on the way; nothing is published unasked."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from include.errors import ProvingGroundError, StoreUnreachable
from include.settings import Settings
from tests.crashing import Process, dying
from tests.test_crashes import Clock, promotion, reconciling, rollback
from tests.toy import World

ROOT = Path(__file__).parent.parent.parent
FOLDER = "serving/toy/"


@pytest.fixture(scope="module")
def before() -> World:
    """Version 2 replaced 1, and is published; 3 is a challenger."""
    world = World(serving=True)
    for _ in range(3):
        world.registry.add("pipeline", {})
    for version, champion in (("1", None), ("2", "1")):
        promotion(version, champion)(world, world.services)
    return world


def served(world: World) -> str:
    """The version that a server gets which copies the folder now; every part of it has to be that version's."""
    objects = {key.removeprefix(FOLDER): data for key, (data, _) in world.lake.objects.items() if key.startswith(FOLDER)}
    settings = json.loads(objects["model-settings.json"])
    folder, number = settings["parameters"]["uri"].removeprefix("./"), settings["parameters"]["version"]
    about = json.loads(objects[f"{folder}/about.json"])
    assert folder == f"{number}-digest-of-{number}"
    assert objects[f"{folder}/model.skops"] == f"file of {number}".encode()
    assert (about["model"], about["version"], about["sha256"]) == ("toy", number, f"digest-of-{number}")
    return str(number)


def by_hand(world: World, services: Any) -> Any:
    world.registry.aliases["champion"] = "1"
    return reconciling(world, services)


@dataclass(frozen=True)
class Case:
    """A change of the champion, and who is served once it is done."""

    work: Callable[[World, Any], Any]
    champion: str


CASES = {
    "promote": Case(promotion("3", "2"), "3"),
    "roll back": Case(rollback("1", "2"), "1"),
    "by hand": Case(by_hand, "1"),
}


@pytest.mark.parametrize("name", CASES)
def test_servers_get_the_new_champion(before: World, name: str) -> None:
    """Promoted, rolled back to or made champion by hand: once it is noticed, it is what is served, and the run says so."""
    world, case = deepcopy(before), CASES[name]
    summary = case.work(world, world.services).summary
    assert served(world) == case.champion
    assert f"version {case.champion} is published at s3://lake/serving/toy" in summary


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_write(before: World, name: str, when: str) -> None:
    """At no moment is there a mix of two versions, and the next monitor completes what was left unfinished."""
    case, calm = CASES[name], Process()
    world = deepcopy(before)
    case.work(world, calm.within(world.services, world.lake))
    assert len([number for number in calm.writes if calm.calls[number - 1] in ("store.put", "store.delete")]) >= 4
    for number in calm.writes:
        world = deepcopy(before)
        with dying():
            dies = Process(**{f"dies_{when}": number})  # type: ignore[arg-type]
            case.work(world, dies.within(world.services, world.lake))
        assert served(world) in ("2", case.champion)
        waits = Clock()
        services = Process().within(world.services, world.lake, sleep=waits.sleep)
        services.locks._clock = waits.read
        reconciling(world, services)
        assert served(world) == world.registry.aliases["champion"]


@pytest.mark.parametrize("name", CASES)
def test_cut_off_at_every_call(before: World, name: str) -> None:
    """From any call on a server does not answer: what is served is whole, the failure is tried again, and then all is well."""
    case, calm = CASES[name], Process()
    world = deepcopy(before)
    case.work(world, calm.within(world.services, world.lake))
    for number in range(1, len(calm.calls) + 1):
        world = deepcopy(before)
        try:
            case.work(world, Process(cut_off_at=number).within(world.services, world.lake))
        except ProvingGroundError as error:
            assert error.transient, error  # noqa: PT017 - it may also have got through, to be cut off while tidying
        assert served(world) in ("2", case.champion)
        case.work(world, Process().within(world.services, world.lake))
        assert served(world) == case.champion


def test_a_failure_says_that_the_promotion_stands(before: World) -> None:
    """Its reader knows which version is champion, what is missing, and that it is tried again."""
    world, calm = deepcopy(before), Process()
    promotion("3", "2")(world, calm.within(world.services, world.lake))
    asked = calm.calls.index("registry.artifact") + 3
    world = deepcopy(before)
    with pytest.raises(StoreUnreachable, match=r"version 3 is champion, but s3://lake/serving/toy.*The next run tries again"):
        promotion("3", "2")(world, Process(cut_off_at=asked).within(world.services, world.lake))
    assert world.registry.aliases["champion"] == "3"
    assert served(world) == "2"


def test_what_was_validated_is_what_is_published(before: World) -> None:
    """An artifact that was replaced since is not published; the last champion goes on being served."""
    world = deepcopy(before)
    world.registry.tamper("1")
    found = by_hand(world, world.services)
    assert re.search(r"version 1 is champion.*digest tampered, the validated one had digest-of-1", found.unpublished)
    assert (found.by_hand, served(world)) == (True, "2")


@pytest.mark.parametrize("spoilt", [b"", b"{}", b"[]", b"cut off"])
@pytest.mark.parametrize("name", ["model.skops", "about.json"])
def test_a_damaged_published_file_is_restored(before: World, name: str, spoilt: bytes) -> None:
    """A file that was cut off, or is described otherwise, is published anew by the next run."""
    world = deepcopy(before)
    world.lake.put(f"{FOLDER}2-digest-of-2/{name}", spoilt)
    assert "is published" in reconciling(world, world.services).summary
    assert served(world) == "2"


@pytest.mark.parametrize("key", ["model-settings.json", "2-digest-of-2/model.skops", "2-digest-of-2/about.json"])
def test_a_removed_published_file_is_restored(before: World, key: str) -> None:
    """The next monitor publishes it again."""
    world = deepcopy(before)
    del world.lake.objects[FOLDER + key]
    assert "is published" in reconciling(world, world.services).summary
    assert served(world) == "2"


@pytest.mark.parametrize("junk", [b"{", b"[]", b'{"parameters": {"uri": "../../other"}}', b'{"parameters": null}'])
def test_damaged_server_settings_are_restored(before: World, junk: bytes) -> None:
    """Whatever stands there, it is replaced by what the ledger says."""
    world = deepcopy(before)
    world.lake.put(f"{FOLDER}model-settings.json", junk)
    reconciling(world, world.services)
    assert served(world) == "2"


def test_a_champion_that_is_served_is_not_published_again(before: World) -> None:
    """A monitor that finds all as it should be reads the settings, and downloads nothing from the registry."""
    world, process = deepcopy(before), Process()
    reconciling(world, process.within(world.services, world.lake))
    assert "registry.artifact" not in process.calls


def test_without_a_champion_the_published_version_stays(before: World) -> None:
    """A removed alias takes no server down."""
    world = deepcopy(before)
    del world.registry.aliases["champion"]
    reconciling(world, world.services)
    assert served(world) == "2"


def test_the_replaced_version_stays_for_a_server_that_is_copying_it(before: World) -> None:
    """The one before it goes: the folder never holds more than two."""
    world = deepcopy(before)
    promotion("3", "2")(world, world.services)
    folders = {key.removeprefix(FOLDER).split("/")[0] for key in world.lake.objects if key.startswith(FOLDER)}
    assert folders == {"model-settings.json", "2-digest-of-2", "3-digest-of-3"}


def test_nothing_is_published_unless_it_is_asked_for() -> None:
    """Without a bucket for it, there is no such folder."""
    world = World()
    world.registry.add("pipeline", {})
    promotion("1", None)(world, world.services)
    assert not [key for key in world.lake.objects if key.startswith("serving/")]
    assert Settings.read({}).serving_bucket is None


def test_mlserver_loads_with_the_libraries_that_train() -> None:
    """Its environment names the same versions as ours; after a change of the lock, `make lock-serving`."""
    pins = re.compile(r"^((?:boto3|joblib|numpy|pandas|scikit-learn|scipy|skops)==[^\\\n]*?) *\\?$", flags=re.MULTILINE)
    ours, theirs = ((ROOT / name).read_text() for name in ("requirements.txt", "deploy/serving/requirements.txt"))
    assert set(pins.findall(ours)) == set(pins.findall(theirs))
    assert len(set(pins.findall(ours))) >= 7
