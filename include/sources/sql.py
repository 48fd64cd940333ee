"""Queries in a database or a warehouse.

A query is a file of SQL beside the model's. It is never run as it stands: it becomes a subquery, and which of its rows are new
is asked around it, so that what is pulled does not rest on what a team writes. Times are bound parameters.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from include.sources.port import SHORTEST_OVERLAP, Connections, Delivery, Problem, StreamName

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = Path(__file__).parent.parent / "models"
PLACEHOLDERS = ("as_of", "since")
_PLACEHOLDER = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_TEXTS = re.compile(r"'(?:[^']|'')*'")
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
# What a database takes from its clock: a run as of an earlier time would read what was not there yet.
_CLOCK = re.compile(
    r"\b(?:current_timestamp|current_date|current_time|localtimestamp|localtime|sysdate|systimestamp)\b"
    r"|\b(?:now|getdate|getutcdate|sysdatetime|sysutcdatetime|curdate|curtime|today|utc_timestamp|utc_date|clock_timestamp"
    r"|statement_timestamp|transaction_timestamp|get_current_timestamp)\s*\(",
    re.IGNORECASE,
)
_CLOCK_AS_TEXT = re.compile(
    r"\b(?:datetime|date|time|strftime|julianday|unixepoch|timestamp|timestamptz)\b\s*\(?[^()]*'(?:now|today|tomorrow)'"
    r"|'(?:now|today|tomorrow)'\s*::",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Sql:
    """One query for the features, one for the labels; where one is left out, that stream lands as files.

    `connection` is the name of a connection: Airflow's, or the variable PROVING_GROUND_CONNECTION_<NAME>. `features` and
    `labels` are files beside the model's, such as "sql/churn_features.sql". Each gives the columns of key, time and features
    or label, and `updated_at`: when the row was changed last. Without one a row counts as new by `feed.time` alone, and one
    that changes later is not seen.

    A pull takes what changed since the newest row of the pull before, less `overlap`: it has to be longer than the longest
    transaction that writes these rows. Where `deleted` names a column, rows for which it is true are gone. With `compare` all
    keys are compared so often: what was deleted without a trace is gone, and what was committed later than `overlap` comes in.
    """

    connection: str
    features: str = ""
    labels: str = ""
    updated_at: str = ""
    overlap: timedelta = timedelta(hours=1)
    deleted: str = ""
    compare: timedelta | None = None

    @property
    def streams(self) -> tuple[StreamName, ...]:
        """Those that have a query. Labels first: when they are pulled, the rows that they belong to can be pulled too."""
        named: tuple[tuple[StreamName, str], ...] = (("labels", self.labels), ("features", self.features))
        return tuple(stream for stream, file in named if file)

    def fault(self, problem: Problem) -> str | None:
        """What cannot be used, in a sentence; None where all can."""
        if not self.streams:
            return 'source Sql: no query is named; accepted is features="sql/….sql", labels="sql/….sql", or both'
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,99}", self.connection):
            return (
                f"source.connection {self.connection[:20]!r}: accepted is the name of a connection, such as 'warehouse', and "
                "never an address: passwords do not belong into a model's file"
            )
        if self.overlap < timedelta(0) or (self.compare is not None and self.compare <= timedelta(0)):
            return f"source.overlap {self.overlap}, compare {self.compare}: accepted is a timedelta that is not negative"
        if self.deleted and self.deleted in (*problem.key, problem.time, self.updated_at):
            return f"source.deleted {self.deleted!r} is also key, time or updated_at: name a column of its own"
        return next((fault for stream in self.streams if (fault := self._query_fault(stream))), None)

    def _query_fault(self, stream: StreamName) -> str | None:
        path = self.path(stream)
        if FOLDER.resolve() not in path.resolve().parents or not path.is_file():
            return f"source.{stream} {getattr(self, stream)!r}: there is no such file; it has to be in include/models/"
        return query_fault(f"include/models/{getattr(self, stream)}", path.read_text(encoding="utf-8"))

    def path(self, stream: StreamName) -> Path:
        """The file that holds the query of a stream."""
        return FOLDER / str(getattr(self, stream))

    def changed(self, problem: Problem) -> str:
        """`updated_at`, else the row's own time."""
        return self.updated_at or problem.time

    def new(self, problem: Problem, as_of: datetime, seen: Mapping[StreamName, datetime | None]) -> tuple[Delivery, ...]:
        """One delivery a query: what changed since what was seen, less the overlap."""
        marks = {stream: seen.get(stream) for stream in self.streams}
        back = max(self.overlap, SHORTEST_OVERLAP)
        return tuple(
            Delivery(problem, stream, mark - back if mark else None, as_of)
            for stream, mark in marks.items()
            if mark is None or mark - back < as_of
        )

    def read(self, delivery: Delivery, connections: Connections) -> Iterator["pa.Table"]:
        """The rows of a query; errors as `Source.read` has them."""
        from include.sources.sql_rows import rows_of

        query = self.path(delivery.stream).read_text(encoding="utf-8")
        return rows_of(query, self.changed(delivery.problem), delivery, connections(self.connection))


def query_fault(name: str, query: str) -> str | None:
    """What is wrong with the text of a query, in a sentence; None where nothing is.

    >>> query_fault("a.sql", "SELECT * FROM visits WHERE seen < now()")
    "a.sql reads the database's clock in 'now(': a run as of an earlier time would see the future; use {{ as_of }}"
    """
    bare = _COMMENTS.sub(" ", query)
    for text in _TEXTS.findall(bare):
        if _PLACEHOLDER.search(text):
            return f"{name}: {text[:50]} stands in quotes; a placeholder is a bound value: remove the quotes"
    if unknown := [one for one in _PLACEHOLDER.findall(bare) if one not in PLACEHOLDERS]:
        accepted = ", ".join(f"{{{{ {one} }}}}" for one in PLACEHOLDERS)
        return f"{name}: {{{{ {unknown[0][:50]} }}}} is no placeholder; accepted are {accepted}"
    if found := _CLOCK.search(_TEXTS.sub("''", bare)) or _CLOCK_AS_TEXT.search(bare):
        return (
            f"{name} reads the database's clock in {' '.join(found.group().split())!r}: a run as of an earlier time would see "
            "the future; use {{ as_of }}"
        )
    code = _TEXTS.sub("''", bare).strip().rstrip(";").strip()
    if not re.match(r"(?i)\(*\s*(select|with|from|values|table)\b", code):
        return f"{name} begins with {code[:30]!r}; accepted is one query that begins with SELECT or WITH"
    if ";" in code:
        return f"{name} holds more than one statement; accepted is one query"
    return None
