"""Files that upstream puts into the landing bucket by itself: nothing is pulled."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from include.sources.port import Connections, Delivery, Problem, StreamName

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Files:
    """The default. What may land, and what becomes of it: docs/deliveries.md."""

    streams: ClassVar[tuple[StreamName, ...]] = ()
    overlap: ClassVar[timedelta] = timedelta(0)
    deleted: ClassVar[str] = ""
    compare: ClassVar[timedelta | None] = None

    def fault(self, _problem: Problem) -> str | None:
        """Nothing can be wrong."""
        return None

    def changed(self, problem: Problem) -> str:
        """A file says by its arrival when its rows changed."""
        return problem.time

    def new(self, _problem: Problem, _as_of: datetime, _seen: Mapping[StreamName, datetime | None]) -> tuple[Delivery, ...]:
        """Nothing: files come by themselves."""
        return ()

    def read(self, _delivery: Delivery, _connections: Connections) -> Iterator["pa.Table"]:
        """Nothing."""
        yield from ()
