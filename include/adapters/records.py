"""The records on the lake: small JSON documents in which runs say what they found, read here by people's pages too.

Light, because the api-server loads it; keys and meaning are in `lake.py`, which adds all that needs a frame.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Literal

from include.adapters.latest_status import READERS, LatestStatus, as_json
from include.adapters.object_store import ObjectStore


class Records:
    """The records of all models. Every method may raise a StoreError."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._board = LatestStatus(store)

    def write_status(
        self, model_name: str, kind: Literal["monitor", "retrain"], as_of: datetime, document: dict[str, Any]
    ) -> None:
        """Write what a run found, as of a time; the same run again overwrites its own words."""
        self._store.put(f"status/{model_name}/{kind}/{stamp(as_of)}.json", as_json(document))
        self._board.post_newest(model_name, kind, as_of, document)

    def statuses(self, model_name: str, kind: str, newest: int | None = None) -> list[dict[str, Any]]:
        """The documents of a kind, oldest first: all, or so many of the newest."""
        return self._read_all([entry.key for entry in self._store.entries(f"status/{model_name}/{kind}/")], newest)

    def status_times(self, model_name: str, kind: str) -> list[datetime]:
        """As-of times of all documents of a kind, oldest first, without reading one."""
        keys = [entry.key for entry in self._store.entries(f"status/{model_name}/{kind}/")]
        return [moment_of(key.rsplit("/", 1)[-1].removesuffix(".json")) for key in keys]

    def status(self, model_name: str, kind: str, as_of: datetime) -> dict[str, Any] | None:
        """The document of a kind as of exactly this time, or None."""
        key = f"status/{model_name}/{kind}/{stamp(as_of)}.json"
        return dict(json.loads(self._store.read(key))) if self.holds(key) else None

    def write_profile(self, model_name: str, period: datetime, document: dict[str, Any]) -> None:
        """Write the noise profile of a period; measured again, it overwrites its own words."""
        self._store.put(self._profile(model_name, period), as_json(document))
        self._board.post_newest(model_name, "profile", period, document)

    def profile(self, model_name: str, period: datetime) -> dict[str, Any] | None:
        """The noise profile of a period, or None."""
        key = self._profile(model_name, period)
        return dict(json.loads(self._store.read(key))) if self.holds(key) else None

    def profiles(self, model_name: str, until: datetime, newest: int | None = None) -> list[dict[str, Any]]:
        """The noise profiles of the periods that start before a time, oldest first: all, or so many of the newest."""
        keys = [entry.key for entry in self._store.entries(f"profiles/{model_name}/")]
        return self._read_all([key for key in keys if key < self._profile(model_name, until)], newest)

    def remember(self, model_name: str, version: str, kind: str, period: datetime, document: dict[str, Any]) -> None:
        """Keep what a period showed about a version; the same period again overwrites its own words."""
        self._store.put(f"memory/{model_name}/v{version}/{kind}/{stamp(period)}.json", as_json(document))

    def remembered(self, model_name: str, version: str, kind: str, before: datetime, newest: int = 520) -> dict[datetime, Any]:
        """What was remembered of the periods that start before a time, oldest first; only so many of the newest are read."""
        prefix = f"memory/{model_name}/v{version}/{kind}/"
        keys = {
            moment_of(entry.key.removeprefix(prefix).removesuffix(".json")): entry.key for entry in self._store.entries(prefix)
        }
        wanted = sorted(period for period in keys if period < before)[-newest:]
        return {period: json.loads(self._store.read(keys[period])) for period in wanted}

    def remembered_of_all(self, model_name: str, kind: str, before: datetime) -> dict[str, dict[datetime, Any]]:
        """By version, what was remembered of the periods that start before a time, oldest first."""
        prefix = f"memory/{model_name}/"
        keys = [entry.key for entry in self._store.entries(prefix) if f"/{kind}/" in entry.key]
        versions = sorted({key.removeprefix(f"{prefix}v").split("/", 1)[0] for key in keys}, key=int)
        return {version: self.remembered(model_name, version, kind, before) for version in versions}

    def was_replayed(self, model_name: str) -> bool:
        """Whether a replay of this model was ever begun."""
        return any(True for _ in self._store.entries(f"replays/{model_name}/"))

    def holds(self, key: str) -> bool:
        """Whether there is an object under this key."""
        return self._store.stat(key) is not None

    def _read_all(self, keys: Sequence[str], newest: int | None) -> list[dict[str, Any]]:
        """The newest of these in their order; read side by side, because each is a way to the store and back."""
        with ThreadPoolExecutor(READERS) as pool:
            return [json.loads(data) for data in pool.map(self._store.read, keys[-newest:] if newest else keys)]

    def _profile(self, model_name: str, period: datetime) -> str:
        return f"profiles/{model_name}/{stamp(period)}.json"


def moment_of(text: str) -> datetime:
    """The time in a key, in UTC."""
    return datetime.strptime(text, "%Y-%m-%dT%H%M%SZ").replace(tzinfo=UTC)


def stamp(moment: datetime) -> str:
    """A time as keys hold it: to the second, in the order of time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H%M%SZ")
