"""Deliveries that are drawn at random, and an oracle of what becomes of them.

Written from docs/deliveries.md, and from nothing else: no line of the product's reader, contract or lake is used here.
`draw_schema` and `draw_file` draw what upstream may do; `Oracle` says what then counts. `make bench-door` uses them, and so
does a test that is its reduced form: tests/steps/test_deliveries.py.
"""

import gzip
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

FORMATS = ("csv", "csv.gz", "jsonl", "jsonl.gz", "parquet")
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 4
Stream = Literal["features", "labels"]
Role = Literal["key", "time", "number", "category", "text", "binary"]

# Names that some tool or other has trouble with.
NAMES = (
    "id", "Id", "at", "x", "y", "key", "a b", "naïve", "größe", "列", "x,y", 'quo"te', "semi;colon", "version", "period",
    "index", "__index_level_0__", "nan", "None", "0", "1.5", "left", "y_x", "select", "class", "%d", "{x}", "a.b", "a/b",
    "\\back", "'", "value", "source", "delivered_at", "label", "count", "$ref", "*", "#c", "row", "rows", "level_0",
    "__proto__", "=1+1", "é",
)  # fmt: skip
TEXTS = (
    "7", "007", "7.0", "1234567890123456701", "a,b", 'say "hi"', "ä", "x y", "NA", "null", "None", "nan", "-1", "1e3", "😀",
    " lead", "tail ", "'", "\\", "\\n", "a\tb", "line\u2028separator", "0", "TRUE", "true", "e\u0301", "\u00e9", "\ufeffmark",
    "=1+1", "#", "-", "2024-01-01", "<b>", "{}", "[]", "1_000", "١٢", "A" * 300, "key", '"', '""', "a'b", "\x7f",
    "\u202e", "ß", "SS",
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One value: how upstream wrote it (text for csv, a piece of JSON for jsonl, an object for parquet), and the text it is.

    `instant` is which time it is; None where it is none.
    """

    written: Any
    text: str | None
    instant: datetime | None = None


@dataclass(frozen=True)
class Field:
    """One column of a schema, and what its values must satisfy."""

    name: str
    role: Role
    optional: bool = False
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """What one upstream delivers: the columns of its two streams. A key column may also be a feature."""

    key: tuple[str, ...]
    time: str
    features: tuple[Field, ...]
    label: Field

    def fields(self, stream: Stream) -> dict[str, Field]:
        """All columns of a stream by name."""
        keys = [Field(name, "key") for name in self.key] + [Field(self.time, "time")]
        own = self.features if stream == "features" else (self.label,)
        return {one.name: one for one in [*keys, *own]}


@dataclass(frozen=True)
class Row:
    """A row as upstream means it, or a `broken` line that is no row; `line` is the number of its first line in a text file."""

    cells: dict[str, Cell]
    broken: bool = False
    line: int = 0


@dataclass(frozen=True)
class File:
    """One delivery. `fault` is "" for a good file, "unreadable" or "lacks a column"."""

    stream: Stream
    name: str
    data: bytes
    rows: tuple[Row, ...] = ()
    fault: str = ""


# Drawing a schema


def draw_schema(random: Random) -> Schema:
    """Columns of any kind under any name."""
    names = random.sample(NAMES, 10)
    key, time, label = tuple(names[: random.choice((1, 1, 2, 3))]), names[3], names[4]
    features = [_draw_feature(random, name) for name in names[5 : 5 + random.randint(1, 5)]]
    if random.random() < 0.2:
        features.append(Field(key[0], "text"))
    role = random.choice(("binary", "binary", "number", "category"))
    return Schema(key, time, tuple(features), _draw_label(random, label, role))


def _draw_feature(random: Random, name: str) -> Field:
    role: Role = random.choice(("number", "number", "category", "text"))
    optional = random.random() < 0.5
    if role == "number" and random.random() < 0.5:
        return Field(name, role, optional, low=-50, high=50)
    values = tuple(random.sample(TEXTS, 6)) if role == "category" and random.random() < 0.7 else ()
    return Field(name, role, optional, values=values)


def _draw_label(random: Random, name: str, role: str) -> Field:
    optional = random.random() < 0.5
    if role == "binary":
        return Field(name, "binary", optional)
    if role == "number":
        return Field(name, "number", optional, low=-1e6, high=1e6)
    return Field(name, "category", optional, values=("red", "green", "7"))


# Drawing values. Each way to write a column is a function that draws one cell.


@dataclass(frozen=True)
class Habits:
    """How one upstream writes one file: the shares of wrong and of missing values, whether texts may have several lines."""

    landed: datetime
    keys: tuple[str, ...]
    wrong: float
    missing: float
    several_lines: bool


Draw = Callable[[Random], Cell]


def spelled(number: Decimal) -> str:
    """A typed number in its one spelling: all digits, no exponent, no zeros at the end of a fraction."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    written = "".join(map(str, digits))
    whole, fraction = (
        (written + "0" * exponent, "") if exponent >= 0 else (written[:exponent], written[exponent:].rjust(-exponent, "0"))
    )
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    text = f"{whole}.{fraction}" if fraction else whole
    return text if not sign or text == "0" else f"-{text}"


INTEGERS = (
    "0",
    "7",
    "-7",
    "42",
    "50",
    "-50",
    "49",
    "1234567890123456701",
    "9007199254740993",
    "-9007199254740993",
    "18446744073709551615",
)
DECIMALS = (
    *INTEGERS, "7.0", "7.00", "0.1", "-0.0", "1e3", "1E-7", "0.30000000000000004", "12345678901234567890.10", "1e22", "1e23",
    "0.1234567890123456789012", "5e-324", "1.7976931348623157e308", "49.999999999999999", "2.2250738585072011e-308", "8.41",
    "123456789012345678901234567890", "3.0e1", "0.000001", "1.005", "9007199254740992.5", "-18446744073709551616",
)  # fmt: skip
NO_NUMBERS = (
    "many",
    "1,5",
    "12a",
    "--1",
    "1 000",
    "0x1F",
    "inf",
    "-Infinity",
    "nan",
    "NaN",
    "1_000",
    "1e",
    "٣",
    "½",
    "TRUE",
    "yes",
    "1.2.3",
    "+",
)

NO_TIMES = (
    "now", "today", "yesterday", "NaT", "1704067200", "1704067200000", "20.01.2024", "2024-13-01", "2024-02-30", "24-01-05",
    "10:15",    "0213-03-25T00:00:00", "1899-12-31T23:59:59", "0020-01-05", "0000-01-01",
)  # fmt: skip


def _draw_number(random: Random, field: Field) -> str:
    """A number as text, mostly within the range."""
    if field.low is None or random.random() < 0.1:
        return random.choice(DECIMALS)
    if random.random() < 0.5:
        return repr(round(random.uniform(-50, 50), random.randint(0, 17)))
    return str(random.randint(-50, 50))


def _draw_text(random: Random, field: Field, habits: Habits) -> str:
    if field.role == "number":
        wrong = random.random() < habits.wrong
        return (
            random.choice(NO_NUMBERS)
            if wrong
            else random.choice((_draw_number(random, field), _draw_number(random, field), "true", "False"))
        )
    if field.role == "binary":
        return random.choice(
            ("0.5", "2", "yes", "-1") if random.random() < habits.wrong else ("0", "1", "0.0", "1.0", "true", "False", "1e0")
        )
    if field.role == "category" and field.values and random.random() >= habits.wrong:
        return random.choice(field.values)
    if field.role == "text" and habits.several_lines and random.random() < 0.1:
        return random.choice(("two\nlines", 'the "first"\r\nthe second', "\nblank first", "one\n\nthree", "old\rmac"))
    if field.role == "key":
        return random.choice(habits.keys)
    # A comma, and digits that look like a date, would make one line of such a text look like a row.
    texts = [text for text in TEXTS if "," not in text] if habits.several_lines else TEXTS
    return random.choice(texts)


def _draw_moment(random: Random) -> datetime:
    whole = BEGIN + timedelta(days=random.randrange(DAYS))
    if random.random() < 0.3:
        return whole
    return whole + timedelta(seconds=random.randrange(86_400), microseconds=random.choice((0, 0, 500_000, 123_456)))


def _draw_time_text(random: Random, habits: Habits) -> Cell:
    """A time as ISO 8601, in one of its spellings, or what is no time."""
    if random.random() < habits.wrong:
        late = (habits.landed + timedelta(days=400)).isoformat()
        text = random.choice((*NO_TIMES, late))
        return Cell(text, text)
    moment = _draw_moment(random)
    zone = random.choice((None, None, UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-9, minutes=-30))))
    if moment.time() == datetime.min.time() and random.random() < 0.3:
        text = moment.date().isoformat()
    elif zone is None:
        text = moment.replace(tzinfo=None).isoformat(sep=random.choice("TT "))
    else:
        text = moment.astimezone(zone).isoformat()
        text = text.replace("+00:00", "Z") if random.random() < 0.5 else text
    return Cell(text, text, moment)


def _csv_draw(one: Field, habits: Habits) -> Draw:
    """Everything is text, and an empty one is missing."""

    def draw(random: Random) -> Cell:
        if random.random() < habits.missing * (1 if one.optional else 0.05):
            return Cell("", None)
        if one.role == "time":
            return _draw_time_text(random, habits)
        text = _draw_text(random, one, habits)
        return Cell(text, text)

    return draw


def _json_draw(one: Field, habits: Habits) -> Draw:
    """Texts, numbers in any spelling, booleans, null, lists and objects."""
    plain = _csv_draw(one, habits)

    def typed(random: Random) -> Cell:
        kind = random.choice(("number", "number", "number", "boolean", "nested"))
        if kind == "boolean":
            value = random.random() < 0.5
            return Cell("true" if value else "false", str(value))
        if kind == "nested" and one.role in ("text", "key"):
            text = random.choice(('{"a":1.50,"b":[null,true]}', '[1,2.0,"ä"]', "[]", '{"":{}}'))
            return Cell(text, text)
        if one.role == "number":
            if random.random() < habits.wrong:
                return Cell("Infinity", "Infinity")
            number = _draw_number(random, one)
        else:
            number = random.choice(("0", "1", "7", "7.0", "1e3", "1234567890123456701", "-0"))
        return Cell(number, spelled(Decimal(number)))

    def draw(random: Random) -> Cell:
        if one.role != "time" and random.random() < (0.1 if one.values else 0.4):
            return typed(random)
        cell = plain(random)
        if cell.text is None:
            return Cell(random.choice(("null", '""', "NaN")), None)
        return Cell(json.dumps(cell.text, ensure_ascii=random.random() < 0.5), cell.text, cell.instant)

    return draw


# Parquet: each column has one type


def _parquet_draw(random: Random, one: Field, habits: Habits) -> tuple[pa.DataType, Draw]:
    """The type of a column, and how its values are drawn; null is missing in each."""
    if one.role == "time":
        kind, draw = _time_type(random, habits)
    elif one.role in ("number", "binary"):
        kind, draw = _number_type(random, one, habits)
    else:
        kind, draw = _text_type(random, one, habits)

    def with_nulls(drawing: Random) -> Cell:
        return Cell(None, None) if drawing.random() < habits.missing * (1 if one.optional else 0.05) else draw(drawing)

    return kind, with_nulls


def _time_type(random: Random, habits: Habits) -> tuple[pa.DataType, Draw]:
    if random.random() < 0.4:
        return random.choice(
            (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string()))
        ), lambda r: _draw_time_text(r, habits)
    if random.random() < 0.2:

        def draw_day(drawing: Random) -> Cell:
            moment = BEGIN + timedelta(days=drawing.randrange(DAYS))
            return Cell(moment.date(), moment.date().isoformat(), moment)

        return random.choice((pa.date32(), pa.date64())), draw_day
    unit, zone = random.choice(("s", "ms", "us", "ns")), random.choice((None, "UTC", "Europe/Berlin", "+05:30"))

    def draw(drawing: Random) -> Cell:
        moment = _draw_moment(drawing)
        if unit == "s":
            moment = moment.replace(microsecond=0)
        if unit == "ms":
            moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        text = moment.replace(tzinfo=None).isoformat()
        text = text.rstrip("0") if "." in text else text
        return Cell(moment if zone else moment.replace(tzinfo=None), text + ("Z" if zone else ""), moment)

    return pa.timestamp(unit, zone), draw


def _number_type(random: Random, one: Field, habits: Habits) -> tuple[pa.DataType, Draw]:
    floats = (pa.float64(), pa.float64(), pa.float32(), pa.dictionary(pa.int16(), pa.float64()))
    others = (pa.decimal128(38, 9), pa.bool_(), pa.string(), pa.dictionary(pa.int8(), pa.string()))
    kind = random.choice((pa.int64(), pa.int8(), pa.uint64(), *floats, *others))

    def draw(drawing: Random) -> Cell:
        if kind in (pa.string(), pa.dictionary(pa.int8(), pa.string())):
            text = _draw_text(drawing, one, habits)
            return Cell(text, text)
        if kind == pa.bool_():
            value = drawing.random() < 0.5
            return Cell(value, str(value))
        whole = drawing.choice((0, 1)) if one.role == "binary" and drawing.random() >= habits.wrong else drawing.randint(0, 60)
        if pa.types.is_integer(kind):
            if one.role == "number" and one.low is None and kind != pa.int8() and drawing.random() < 0.3:
                whole = drawing.choice((2**53 + 1, 2**63 - 1, 1234567890123456701))
            return Cell(whole, str(whole))
        if pa.types.is_decimal(kind):
            others = ("7.00", "0.1", "-0.0", "12345678901234567890.10", "49.999999999", "8.41")
            exact = Decimal(whole if one.role == "binary" else drawing.choice(others))
            return Cell(exact, spelled(exact))
        near = drawing.choice((float(whole), drawing.uniform(-50, 50), 1e22, 1e-7, -0.0, 0.1, 5e-324, 1e23))
        number = float(whole) if one.role == "binary" else near
        if drawing.random() < habits.wrong / 2:
            return Cell(*drawing.choice(((float("nan"), None), (float("inf"), "inf"))))
        if kind == pa.float32():
            return Cell(float(np.float32(number)), spelled(Decimal(str(np.float32(number)))))
        return Cell(number, spelled(Decimal(repr(number))))

    return kind, draw


def _text_type(random: Random, one: Field, habits: Habits) -> tuple[pa.DataType, Draw]:
    texts = (
        pa.string(),
        pa.large_string(),
        pa.binary(),
        pa.dictionary(pa.int32(), pa.string()),
        pa.dictionary(pa.uint8(), pa.large_string()),
    )
    others = (
        pa.int64(),
        pa.uint64(),
        pa.float64(),
        pa.bool_(),
        pa.decimal128(20, 3),
        pa.date32(),
        pa.list_(pa.int64()),
        pa.time32("s"),
    )
    kind = random.choice(texts if random.random() < 0.6 or one.values else others)

    def draw(drawing: Random) -> Cell:
        if kind in texts:
            text = _draw_text(drawing, one, habits)
            return Cell(text.encode() if kind == pa.binary() else text, text)
        if kind in (pa.int64(), pa.uint64()):
            number = drawing.choice((0, 7, 1000, 1234567890123456701, 2**63 - 1))
            return Cell(number, str(number))
        if kind == pa.float64():
            value = drawing.choice((7.0, 0.1, 1e3, -0.0, 1e22, 2.5))
            return Cell(value, spelled(Decimal(repr(value))))
        if kind == pa.bool_():
            return Cell(True, "True")
        if pa.types.is_decimal(kind):
            exact = Decimal(drawing.choice(("7.00", "0.100", "12345678901234567.001")))
            return Cell(exact, spelled(exact))
        if kind == pa.date32():
            return Cell(date(2024, 2, 29), "2024-02-29")
        if pa.types.is_list(kind):
            return Cell(*drawing.choice((([1, 2], "[1,2]"), ([], "[]"), ([None], "[null]"))))
        return Cell(3661, "01:01:01")

    return kind, draw


# Drawing a file


@dataclass(frozen=True)
class Upstream:
    """Who delivers: its columns, and the values that its keys have, so few that its files correct each other."""

    schema: Schema
    keys: tuple[str, ...]


def draw_file(random: Random, upstream: Upstream, stream: Stream, name: str, landed: datetime) -> File:
    """A good file with corrections and bad rows in it, or now and then one that is refused as a whole."""
    habits = Habits(
        landed, upstream.keys, random.choice((0.0, 0.0, 0.05, 0.25)), random.choice((0.0, 0.1, 0.4)), random.random() < 0.3
    )
    fields = list(upstream.schema.fields(stream).values())
    random.shuffle(fields)
    if random.random() < 0.3:
        fields.append(Field("not in the model", "text", optional=True))
    if random.random() < 0.05:
        return File(stream, name, _unreadable(random, fields, _suffix(name)), fault="unreadable")
    absent = random.choice(fields[:-1]) if random.random() < 0.02 else None
    if absent:
        fields.remove(absent)
    write = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}[_suffix(name).removesuffix(".gz")]
    data, rows = write(random, fields, random.choice((0, 1, 2, 3, 4, 6, 8, 12)), habits)
    if absent and "jsonl" in name and (absent.optional or all(row.broken for row in rows)):
        absent = None  # A line may leave out what is null.
    packed = gzip.compress(data, mtime=0) if name.endswith(".gz") else data
    return File(stream, name, packed, tuple(rows), "lacks a column" if absent else "")


def _suffix(name: str) -> str:
    return next(suffix for suffix in FORMATS if name.endswith(f".{suffix}"))


Written = tuple[bytes, list[Row]]


def _csv(random: Random, fields: Sequence[Field], count: int, habits: Habits) -> Written:
    """As RFC 4180 has it, with some damaged lines. Beside a stray quote no text has several lines: its end is not known."""
    stray = random.random() < habits.wrong
    habits = replace(habits, several_lines=habits.several_lines and not stray)
    draws = {one.name: _csv_draw(one, habits) for one in fields}
    quote_all, end = random.random() < 0.3, random.choice(("\n", "\n", "\r\n"))

    def written(text: str) -> str:
        quoted = quote_all or any(character in text for character in ',"\r\n')
        return '"' + text.replace('"', '""') + '"' if quoted else text

    text, rows = ",".join(written(one.name) for one in fields) + end, []
    for _ in range(count):
        if random.random() < 0.05:
            text += end
        cells = {name: draw(random) for name, draw in draws.items()}
        folded = [name for name, cell in cells.items() if len(cell.written.splitlines()) > 1 or "\r" in cell.written]
        cells |= dict.fromkeys(folded[1:], Cell("one line", "one line"))
        parts, line = [written(cell.written) for cell in cells.values()], len(re.findall("\r\n|\r|\n", text)) + 1
        broken = random.random() < habits.wrong
        if broken:
            _damage(random, parts, stray)
        rows.append(Row({} if broken else cells, broken, line))
        text += ",".join(parts) + end
    if random.random() < 0.3:
        text = text.removesuffix(end)
    return ("\ufeff" if random.random() < 0.2 else "").encode() + text.encode(errors="surrogateescape"), rows


def _damage(random: Random, parts: list[str], stray: bool) -> None:
    """One line that is no row: it has too few or too many values, or bytes that are no text, or a quote that does not hold."""
    kind = random.choice(("few", "many", "nul", "bytes", *(("open", "within") if stray else ())))
    if kind == "few":
        parts.pop()
    elif kind == "many":
        parts.append("surplus")
    else:
        parts[-1] = {"nul": "a\0b", "bytes": "caf\udce9", "open": '"not closed', "within": '"ends"within'}[kind]


def _jsonl(random: Random, fields: Sequence[Field], count: int, habits: Habits) -> Written:
    """One object a line; a line may leave out what is null."""
    draws = {one.name: (_json_draw(one, habits), one.optional) for one in fields}
    ascii_names, text, rows = random.random() < 0.5, "", []
    for number in range(count):
        if random.random() < 0.05:
            text += " \n"
        line = text.count("\n") + 1
        cells = {name: draw(random) for name, (draw, _) in draws.items()}
        left_out = {name for name, (_, optional) in draws.items() if optional and cells[name].text is None and number % 2}
        parts = [
            f"{json.dumps(name, ensure_ascii=ascii_names)}: {cell.written}"
            for name, cell in cells.items()
            if name not in left_out
        ]
        broken = random.random() < habits.wrong
        text += (_no_row(random, parts) if broken else "{" + ", ".join(parts) + "}") + random.choice(("\n", "\r\n"))
        rows.append(Row({} if broken else cells, broken, line))
    return text.encode(errors="surrogateescape"), rows


def _no_row(random: Random, parts: list[str]) -> str:
    whole = "{" + ", ".join(parts) + "}"
    no_text = ('{"half": "\\ud83d"}', '{"nul": "\\u0000"}', '{"bytes": "caf\udce9"}', '{"\\ud800": 1}')
    no_objects = ("[1, 2]", "7", "null", '"text"', "[" * 100_000)
    twice = "{" + ", ".join([*parts, parts[0]]) + "}"
    return random.choice((whole[:-1], whole + whole, whole + ",", twice, "{'single': 1}", "{id: 7}", *no_text, *no_objects))


def _parquet(random: Random, fields: Sequence[Field], count: int, habits: Habits) -> Written:
    """Columns of many types; in some rows bytes that are no text."""
    columns = {one.name: _parquet_draw(random, one, habits) for one in fields}
    rows = [Row({name: draw(random) for name, (_, draw) in columns.items()}) for _ in range(count)]
    texts = [name for name, (kind, _) in columns.items() if kind in (pa.string(), pa.binary())]
    for place in range(count if texts else 0):
        if random.random() < habits.wrong:
            name = random.choice(texts)
            bad = b"caf\xe9" if columns[name][0] == pa.binary() else "a\0b"
            rows[place] = Row(rows[place].cells | {name: Cell(bad, None)}, broken=True)
    arrays = {name: _array([row.cells[name].written for row in rows], kind) for name, (kind, _) in columns.items()}
    table, buffer = pa.table(arrays), io.BytesIO()
    as_index = [name for name in texts if columns[name][0] == pa.string()]
    if as_index and random.random() < 0.3:
        table.to_pandas(types_mapper=pd.ArrowDtype).set_index(random.choice(as_index)).to_parquet(buffer)
    else:
        pq.write_table(
            table,
            buffer,
            compression=random.choice(("snappy", "zstd", "none")),
            use_dictionary=random.random() < 0.5,
            store_schema=random.random() < 0.7,
            row_group_size=random.choice((2, 1000)),
            data_page_version=random.choice(("1.0", "2.0")),
        )
    return buffer.getvalue(), rows


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode()
    return pa.array(values, kind)


def _unreadable(random: Random, fields: Sequence[Field], suffix: str) -> bytes:
    """The bytes of a file that is refused as a whole."""
    names = [one.name.replace('"', "").replace(",", "") for one in fields]
    header, table = ",".join(names), pa.table({name: ["7"] for name in names})
    if suffix == "parquet":
        buffer = io.BytesIO()
        twice = pa.Table.from_arrays([*table.columns, table.columns[0]], names=[*names, names[0]])
        pq.write_table(random.choice((table, twice)), buffer)
        whole = buffer.getvalue()
        cut = whole[: random.randrange(len(whole))]
        return random.choice((b"", b"not parquet", cut, whole[4:], header.encode(), _parquet_bomb()))
    plain = [("\ufeff" + header + "\n").encode("utf-16")]
    if suffix.startswith("csv"):
        plain += [
            b"",
            f"{header},{names[0]}\n".encode(),
            f'"{header}\n7\n'.encode(),
            header.encode() + b"\xff\n",
            b"PK\x03\x04\x14\0\0",
        ]
    if not suffix.endswith(".gz"):
        return random.choice(plain)
    whole = gzip.compress((header + "\n").encode() * 50, mtime=0)
    cut = whole[: random.randrange(len(whole))]
    packed = [gzip.compress(one, mtime=0) for one in plain]
    return random.choice((*packed, b"not gzip", b"", cut, whole + b"junk", _gzip_bomb()))


@cache
def _gzip_bomb() -> bytes:
    return gzip.compress(b" " * 70_000_000, 9)


@cache
def _parquet_bomb() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"id": pa.nulls(70_000_000, pa.int8())}), buffer)
    return buffer.getvalue()


# The oracle


@dataclass(frozen=True)
class Bad:
    """A row in quarantine: of which file, its number there, what is wrong (the names of columns, or its line), its values."""

    key: str
    row: int
    wrong: frozenset[str]
    values: Mapping[str, str | None] = field(compare=False)


@dataclass
class Counts:
    """What a check reports."""

    rows: int = 0
    quarantined: int = 0
    labels: int = 0
    unmatched: int = 0


# By the name of a column; a key column also as ("key", name), because it may be a feature as well.
Typed = dict[Any, Any]
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass
class Oracle:
    """What counts after some deliveries: of each name its last delivery, of each key in a period the row delivered last."""

    schema: Schema
    model: str
    quarantine: list[Bad] = field(default_factory=list)
    _last: dict[tuple[Stream, str], tuple[datetime, list[Typed]]] = field(default_factory=dict)

    def take_in(self, files: Iterable[tuple[File, datetime]]) -> Counts:
        """Files that a check takes in, in the order in which they landed."""
        counts, labels = Counts(), list[Typed]()
        for file, landed in files:
            good, bad = self._sorted(file, landed)
            self._last[file.stream, self.key_of(file)] = (landed, good)
            self.quarantine += bad
            counts.quarantined += len(bad)
            if file.stream == "features":
                counts.rows += len(good)
            else:
                labels += good
        features = self._counting("features")
        counts.labels = len(labels)
        counts.unmatched = sum(self._place(row) not in features for row in labels)
        return counts

    def withdraw(self, stream: Stream, key: str) -> None:
        """Nothing of a file counts any more; what it put into quarantine stays there."""
        self._last.pop((stream, key), None)

    def rows(self) -> dict[tuple[Any, ...], Typed]:
        """Every row that counts, by key and period, beside its label; "label came" is whether there is a row of labels."""
        labels, name = self._counting("labels"), self.schema.label.name
        return {
            place: row | {name: labels[place][name] if place in labels else None, "label came": place in labels}
            for place, row in self._counting("features").items()
        }

    def key_of(self, file: File) -> str:
        """Where a file lies in landing."""
        return f"{self.model}/{file.stream}/{file.name}"

    def _place(self, row: Typed) -> tuple[Any, ...]:
        return (*(row["key", name] for name in self.schema.key), row[self.schema.time].date())

    def _counting(self, stream: Stream) -> dict[tuple[Any, ...], Typed]:
        deliveries = [(landed, key, rows) for (of, key), (landed, rows) in self._last.items() if of == stream]
        return {self._place(row): row for _, _, rows in sorted(deliveries, key=lambda one: one[:2]) for row in rows}

    def _sorted(self, file: File, landed: datetime) -> tuple[list[Typed], list[Bad]]:
        """The rows of a file that go on, and the others."""
        key, good, bad = self.key_of(file), dict[tuple[str, ...], tuple[int, Row, Typed]](), list[Bad]()
        for number, row in enumerate(file.rows, start=1):
            if row.broken:
                bad.append(Bad(key, number, frozenset({f"line {row.line}" if row.line else f"row {number}"}), {}))
                continue
            typed, wrong = self._typed(file.stream, row, landed)
            if wrong:
                bad.append(Bad(key, number, frozenset(wrong), _texts(row)))
                continue
            identity = tuple(typed["key", name] for name in self.schema.key)
            if identity in good:
                earlier, replaced, _ = good[identity]
                bad.append(Bad(key, earlier, frozenset({"replaced"}), _texts(replaced)))
            good[identity] = (number, row, typed)
        return [typed for _, _, typed in good.values()], bad

    def _typed(self, stream: Stream, row: Row, landed: datetime) -> tuple[Typed, set[str]]:
        typed, wrong = Typed(), set[str]()
        for name in self.schema.key:
            text = row.cells[name].text
            typed["key", name] = text
            if text is None:
                wrong.add(name)
        for one in self.schema.fields(stream).values():
            value, fits = _value_of(one, row.cells.get(one.name, Cell("", None)), landed)
            typed[one.name] = value
            if not fits:
                wrong.add(one.name)
        return typed, wrong


def _texts(row: Row) -> dict[str, str | None]:
    return {name: cell.text for name, cell in row.cells.items()}


def _value_of(one: Field, cell: Cell, landed: datetime) -> tuple[Any, bool]:
    """A value as its column's kind, and whether it may go on."""
    if one.role == "time":
        at = cell.instant
        return at, at is not None and datetime(1900, 1, 1, tzinfo=UTC) <= at <= landed + timedelta(days=366)
    if cell.text is None:
        return None, one.optional
    if one.role in ("number", "binary"):
        number = _number_of(cell.text)
        fits = number is not None and (one.low is None or one.low <= number) and (one.high is None or number <= one.high)
        return number, fits and (one.role == "number" or number in (0, 1))
    return cell.text, not one.values or cell.text in one.values


def _number_of(text: str) -> float | None:
    """The 64-bit float that is nearest to what is written; None for what is no finite number."""
    if text in ("True", "true", "False", "false"):
        return float(text in ("True", "true"))
    number = float(text) if _NUMBER.fullmatch(text) else float("inf")
    return number if abs(number) < float("inf") else None
