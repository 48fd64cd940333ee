"""What a source does.

A new kind is one module with a class like `Files` or `Sql`, and a line in tests/sources/test_source_contract.py.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Engine

StreamName = Literal["features", "labels"]
# A pull goes back at least so much, whatever the overlap: rows of one moment may lie on both sides of where it ended.
SHORTEST_OVERLAP = timedelta(milliseconds=1)
# The database behind the name of a connection; SourceDenied where there is no such name.
Connections = Callable[[str], "Engine"]


@dataclass(frozen=True)
class Problem:
    """What a source has to know of a model: its name, and the columns that name and date a row."""

    model: str
    key: tuple[str, ...]
    time: str


@dataclass(frozen=True)
class Delivery:
    """Rows that are to be pulled: of one stream, those that changed after `since` (None: from the beginning) up to `as_of`.

    With `identity` these columns alone; `limit` is how many rows at most.
    """

    problem: Problem
    stream: StreamName
    since: datetime | None
    as_of: datetime
    identity: tuple[str, ...] = ()
    limit: int | None = None


class Source(Protocol):
    """One kind of source: a frozen value that a model's file declares. Light to import: DAG files are parsed with it.

    `streams` are those that it brings; the others land as files. `overlap` is by how much a pull goes back behind the newest
    row of the pull before, for rows that were committed late. `deleted` is the column that says that a row is gone, or empty.
    `compare` is how often all keys are compared with all that were delivered; None means never.
    """

    @property
    def streams(self) -> tuple[StreamName, ...]:
        """What it brings."""
        ...

    @property
    def overlap(self) -> timedelta:
        """By how much a pull goes back."""
        ...

    @property
    def deleted(self) -> str:
        """The column that says that a row is gone."""
        ...

    @property
    def compare(self) -> timedelta | None:
        """How often all keys are compared."""
        ...

    def fault(self, problem: Problem) -> str | None:
        """What cannot be used, in a sentence; None where all can."""
        ...

    def changed(self, problem: Problem) -> str:
        """The column that says when a row changed."""
        ...

    def new(self, problem: Problem, as_of: datetime, seen: Mapping[StreamName, datetime | None]) -> tuple[Delivery, ...]:
        """What is to be pulled as of a time, in this order; `seen` is the newest change that was pulled of each stream."""
        ...

    def read(self, delivery: Delivery, connections: Connections) -> Iterator["pa.Table"]:
        """The rows, some at a time, ordered by when they changed, then by their own time and key. As of one moment.

        Closing the iterator ends what it has begun. Every value is what the source holds: none is rounded or reformatted.

        Raises:
            SourceUnreachable: no answer; what was read until then is true.
            SourceDenied: the credentials are wrong, or may not read this.
            SourceRefused: the source is there and cannot give these rows.
        """
        ...
