"""Tables of a source as one: no value is changed where their types differ."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables of the same columns, one below the other; where the values of a column differ in type, they become text."""
    columns = {}
    for name in tables[0].column_names:
        chunks = [chunk for table in tables for chunk in table.column(name).chunks]
        kinds = {chunk.type for chunk in chunks if not pa.types.is_null(chunk.type)}
        kind = next(iter(kinds), pa.null())
        if len(kinds) > 1:
            chunks = [pa.array([as_text(value) for value in chunk.to_pylist()], pa.string()) for chunk in chunks]
            kind = pa.string()
        columns[name] = pa.chunked_array([chunk.cast(kind) for chunk in chunks], kind)
    return pa.table(columns)


def as_text(value: Any) -> str | None:
    """A value in the one spelling that landing's reader gives it: see adapters/file_reader.py.

    >>> [as_text(value) for value in (7.0, Decimal("7.10"), True, [1, "a"], None)]
    ['7', '7.1', 'True', '[1, "a"]', None]
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float | Decimal):
        return _number(value)
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, memoryview | bytes | bytearray):
        return bytes(value).decode("utf-8", errors="replace")
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=as_text)
    return str(value)


def _time(value: datetime) -> str:
    text = (value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).isoformat()
    return (text.rstrip("0") if "." in text else text) + ("Z" if value.tzinfo else "")


def _number(value: "int | float | Decimal") -> str | None:
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if exact.is_nan():
        return None
    if exact.is_infinite():
        return str(float(exact))
    digits = f"{exact:f}"
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return "0" if digits in ("-0", "") else digits
