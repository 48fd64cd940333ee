"""The records on the lake: small documents in which runs keep what they found; pages for people read them too.

Light, because the api-server loads it; keys and meaning are in `lake.py`, which adds everything that needs a frame.
"""

import logging
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import TypeVar

from include.adapters.bundles import read_in_short, read_together
from include.adapters.latest_status import READERS, LatestStatus
from include.adapters.object_store import ObjectStore, StoredObject, read_document, unless_spoilt
from include.documents import to_bytes
from include.errors import CorruptObject, ObjectMissing
from include.results import Intake
from include.statuses import LATEST_KINDS, LatestKind, MonitorStatus, Outcome, PeriodProfile, RetrainStatus, Status

S = TypeVar("S", MonitorStatus, RetrainStatus)
T = TypeVar("T")
# A document by its time, or an entry of the ledger by its number.
_NEWEST_OF = re.compile(r"/(\d{4}-\d\d-\d\dT\d{6}Z|\d{10})\.json$")
# The newest few are nearly always younger: where they are not, all are listed.
_LOOKED_BACK = timedelta(days=64)
# So many periods of a version are remembered at most.
_REMEMBERED = 520
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z")
_log = logging.getLogger(__name__)


class Records:
    """The records of all models. Every method may raise a StoreError; a damaged document raises CorruptObject."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._latest = LatestStatus(store)

    def write_status(self, model_name: str, status: MonitorStatus | RetrainStatus) -> None:
        """Write what a run found, as of a time; the same run again overwrites its own document."""
        self._store.put(status_key(model_name, type(status), status.as_of), to_bytes(status))
        kind: LatestKind = "monitor" if isinstance(status, MonitorStatus) else "retrain"
        self._latest.post_newest(model_name, kind, status, "as_of")
        self._mend_latest(model_name)

    def statuses(self, model_name: str, kind: type[S], newest: int | None = None) -> list[S]:
        """The statuses of a kind, oldest first: all, or so many of the newest."""
        prefix = f"status/{model_name}/{kind.stage}/"
        return self._read_all(kind, list(self._keys(prefix).values()), newest)

    def readable(self, model_name: str, kind: type[S], newest: int) -> tuple[list[S], list[str]]:
        """So many of the newest statuses, oldest first, for a page: what is spoilt is left out; the second list names it."""
        return self._readable(kind, list(self._keys(f"status/{model_name}/{kind.stage}/").values()), newest)

    def readable_profiles(self, model_name: str, until: datetime, newest: int) -> tuple[list[PeriodProfile], list[str]]:
        """The same of the noise profiles of the periods that start before a time."""
        keys = self._keys(f"profiles/{model_name}/")
        return self._readable(PeriodProfile, [key for period, key in keys.items() if period < until], newest)

    def outcomes(self, model_name: str) -> list[Outcome]:
        """What came of each check, oldest first."""
        folder = f"status/{model_name}/{MonitorStatus.stage}/"
        entries = list(self._entries(folder).values())
        return read_in_short(self._store, (MonitorStatus, Outcome.of), (f"outcomes/{model_name}", Outcome), entries)

    def status_times(self, model_name: str, kind: type[S]) -> list[datetime]:
        """As-of times of all statuses of a kind, oldest first, without reading one."""
        return list(self._keys(f"status/{model_name}/{kind.stage}/"))

    def status_times_before(self, model_name: str, kind: type[S], moment: datetime, newest: int = 1) -> list[datetime]:
        """The same of so many of the newest that are as of an earlier time."""
        return list(self._newest(f"status/{model_name}/{kind.stage}/", moment, newest))

    def newest_status_time(self, model_name: str, kind: type[S], around: datetime) -> datetime | None:
        """As-of time of the newest status of a kind, which is looked for from some time before `around` on."""
        prefix = f"status/{model_name}/{kind.stage}/"
        times = self._entries(prefix, around - _LOOKED_BACK) or self._entries(prefix)
        return max(times, default=None)

    def status(self, model_name: str, kind: type[S], as_of: datetime) -> S | None:
        """The status of a kind as of exactly this time, or None."""
        return self._optional(kind, status_key(model_name, kind, as_of))

    def write_profile(self, model_name: str, profile: PeriodProfile) -> None:
        """Write the noise profile of a period; measured again, it overwrites the document."""
        self._store.put(f"profiles/{model_name}/{stamp(profile.period)}.json", to_bytes(profile))
        self._latest.post_newest(model_name, "profile", profile, "period")

    def profile(self, model_name: str, period: datetime) -> PeriodProfile | None:
        """The noise profile of a period, or None."""
        return self._optional(PeriodProfile, f"profiles/{model_name}/{stamp(period)}.json")

    def profiles(self, model_name: str, until: datetime, newest: int | None = None) -> list[PeriodProfile]:
        """The noise profiles of the periods that start before a time, oldest first: all, or so many of the newest."""
        folder = f"profiles/{model_name}/"
        entries = self._newest(folder, until, newest) if newest else self._entries(folder)
        return read_together(
            self._store, PeriodProfile, folder, [entry for period, entry in entries.items() if period < until]
        )

    def is_broken(self, model_name: str, period: datetime) -> bool:
        """Whether the last check of a period called its feed broken: then no version is judged by it."""
        profile = self.profile(model_name, period)
        return profile is not None and bool(profile.broken) and not profile.counts_again

    def count_again(self, model_name: str, periods: Iterable[datetime]) -> None:
        """Let periods that were called broken be judged and learned from again."""
        for period in periods:
            profile = self.profile(model_name, period)
            if profile is not None and not profile.counts_again:
                self.write_profile(model_name, replace(profile, counts_again=True))

    def remember(self, model_name: str, version: str, period: datetime, document: object) -> None:
        """Keep what a period showed about a version; the same period again overwrites the document."""
        self._store.put(f"{_memory(model_name, version, type(document))}{stamp(period)}.json", to_bytes(document))

    def remembered(
        self, model_name: str, version: str, kind: type[T], before: datetime, newest: int = _REMEMBERED
    ) -> dict[datetime, T]:
        """What was remembered of the periods that start before a time, oldest first; only so many of the newest are read."""
        folder = _memory(model_name, version, kind)
        entries = self._newest(folder, before, newest)
        return dict(zip(entries, read_together(self._store, kind, folder, list(entries.values())), strict=True))

    def forget(self, model_name: str, version: str, kind: type, period: datetime) -> None:
        """Remove what was remembered of a period."""
        self._store.delete(f"{_memory(model_name, version, kind)}{stamp(period)}.json")

    def remembered_of_all(self, model_name: str, kind: type[T], before: datetime) -> dict[str, dict[datetime, T]]:
        """By version, what was remembered of the periods that start before a time, oldest first."""
        prefix, by_version = f"memory/{model_name}/v", dict[int, dict[datetime, StoredObject]]()
        ours = re.compile(rf"{re.escape(prefix)}(\d+)/{kind.__name__}/({_STAMP.pattern})\.json")
        for entry in self._store.entries(prefix):
            if found := ours.fullmatch(entry.key):
                periods, period = by_version.setdefault(int(found[1]), {}), moment_of(found[2])
                if period < before:
                    periods[period] = entry
        by_version = {version: dict(list(by_version[version].items())[-_REMEMBERED:]) for version in sorted(by_version)}
        wanted = [entry for periods in by_version.values() for entry in periods.values()]
        documents = iter(read_together(self._store, kind, f"memory/{model_name}/{kind.__name__}/", wanted))
        return {str(version): dict(zip(periods, documents, strict=False)) for version, periods in by_version.items()}

    def newest_intakes(self, model_name: str, newest: int) -> tuple[list[Intake], list[str]]:
        """The records of so many of the newest deliveries and withdrawals, newest first; the second list is what is spoilt."""
        entries = list(self._store.entries(f"intake/{model_name}/"))
        # The history may have been taken in again, into a place of its own.
        for turn in count(2):
            if not (again := list(self._store.entries(f"intake/{model_name}.{turn}/"))):
                break
            entries = again
        found, faults = self._readable(Intake, [entry.key for entry in sorted(entries, key=lambda one: one.modified)], newest)
        return sorted(found, key=lambda intake: intake.file.landed_at, reverse=True), faults

    def was_replayed(self, model_name: str) -> bool:
        """Whether a replay of this model was ever started."""
        return any(True for _ in self._store.entries(f"replays/{model_name}/"))

    def holds(self, key: str) -> bool:
        """Whether there is an object under this key."""
        return self._store.stat(key) is not None

    def _optional(self, kind: type[T], key: str) -> T | None:
        try:
            return read_document(self._store, kind, key)
        except ObjectMissing:
            return None

    def _mend_latest(self, model_name: str) -> None:
        """Copy again what is spoilt of the latest status: a retraining, which would do it, may be a month away."""
        folders: dict[LatestKind, str] = {
            "monitor": f"status/{model_name}/monitor/",
            "retrain": f"status/{model_name}/retrain/",
            "profile": f"profiles/{model_name}/",
            "ledger": f"ledger/{model_name}/",
        }
        unreadable = self._latest.of(model_name).unreadable
        for kind in [kind for kind in folders if kind in unreadable]:
            keys = [entry.key for entry in self._store.entries(folders[kind]) if _NEWEST_OF.search(entry.key)]
            newest = unless_spoilt(partial(read_document, self._store, LATEST_KINDS[kind], keys[-1])) if keys else None
            if newest is not None:
                self._latest.post(model_name, kind, newest)

    def _keys(self, prefix: str) -> dict[datetime, str]:
        return {moment: entry.key for moment, entry in self._entries(prefix).items()}

    def _newest(self, prefix: str, before: datetime, newest: int) -> dict[datetime, StoredObject]:
        """Of `_entries` so many of the newest with an earlier time: most of a long history is not listed for it."""
        for since in (before - _LOOKED_BACK, None):
            entries = {moment: entry for moment, entry in self._entries(prefix, since).items() if moment < before}
            if len(entries) >= newest:
                break
        return dict(list(entries.items())[-newest:])

    def _entries(self, prefix: str, since: datetime | None = None) -> dict[datetime, StoredObject]:
        """What is listed below a prefix by the time in its key, oldest first, all or those from a time on.

        What is not ours is left out and logged.
        """
        entries = {}
        for entry in self._store.entries(prefix, after=f"{prefix}{stamp(since)}" if since else ""):
            try:
                entries[moment_of(entry.key.removeprefix(prefix).removesuffix(".json"))] = entry
            except ValueError:
                _log.warning("%s is not one of our documents, so it is left out", entry.key)
        return dict(sorted(entries.items()))

    def _readable(self, kind: type[T], keys: Sequence[str], newest: int) -> tuple[list[T], list[str]]:
        def read(key: str) -> T | CorruptObject:
            try:
                return read_document(self._store, kind, key)
            except CorruptObject as error:
                return error

        with ThreadPoolExecutor(READERS) as pool:
            found = list(pool.map(read, keys[-newest:]))
        faults = [str(one) for one in found if isinstance(one, CorruptObject)]
        return [one for one in found if not isinstance(one, CorruptObject)], faults

    def _read_all(self, kind: type[T], keys: Sequence[str], newest: int | None) -> list[T]:
        """The newest of these in their order; read concurrently, because each is a round trip to the store."""
        keys = keys[-newest:] if newest else keys
        with ThreadPoolExecutor(READERS) as pool:
            return list(pool.map(partial(read_document, self._store, kind), keys))


def status_key(model_name: str, kind: type[Status], as_of: datetime) -> str:
    """Where the status of a kind as of a time is kept."""
    return f"status/{model_name}/{kind.stage}/{stamp(as_of)}.json"


def _memory(model_name: str, version: str, kind: type) -> str:
    return f"memory/{model_name}/v{version}/{kind.__name__}/"


def moment_of(text: str) -> datetime:
    """The time in a key, in UTC; ValueError where it is none that `stamp` writes."""
    if not _STAMP.fullmatch(text):
        raise ValueError(f"{text!r} is not the time of a key")
    return datetime.strptime(text, "%Y-%m-%dT%H%M%SZ").replace(tzinfo=UTC)


def stamp(moment: datetime) -> str:
    """A time as keys hold it: to the second, in the order of time."""
    # strftime writes the year 213 with three digits, which would sort after the year 2024.
    return moment.astimezone(UTC).strftime(f"{moment.astimezone(UTC).year:04}-%m-%dT%H%M%SZ")
