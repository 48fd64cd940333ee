"""One reader for what upstream delivers and for the samples of check-model and new-model: csv, jsonl and parquet.

Every value becomes the text that upstream wrote. A typed number (JSON, parquet) has one spelling: all its digits, without an
exponent or zeros at the end of a fraction, so 7, 7.0 and the decimal 7.00 are all "7". Text stays as it is: "7.0" in a csv is
"7.0". A boolean is "True" or "False", a time is ISO 8601, a list or a nested column is JSON. Empty text, null and NaN are
missing. A line that cannot be read is one broken row; nothing is repaired, and no line is lost.

A large file is read in pieces, from the disk: each is a table of some tens of megabytes, and rows are counted through all.
"""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq

from include.errors import UnreadableFile
from include.untrusted_text import of_data

SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")
# A bomb of a few kilobytes unpacks to any size: this many times as much as was delivered, and never less than the floor.
_UNPACKED_TIMES, _UNPACKED_FLOOR = 200, 64 * 1024**2
_ROWS_AT_ONCE = 50_000
# From so many bytes on a file is not read as a whole; of text, a piece is about as large.
LARGE = 64 * 1024**2
_AT_ONCE = 1024**2
_LONGEST_CELL = 16 * 1024**2
_LONGEST_QUOTE = 2000
_MOST_DIGITS = 1000
_OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_A_DATE = re.compile(r"\d{4}-?\d{2}-?\d{2}")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN = re.compile(r"0|-?[1-9]\d*(\.\d*[1-9])?|-?0\.\d*[1-9]")
# csv's own limit is 131,072 characters, and it is one of the process.
csv.field_size_limit(_LONGEST_CELL)


@dataclass(frozen=True)
class BrokenRow:
    """A row that could not be read: why, with the number of its line, and the beginning of what stands there."""

    reason: str
    text: str


@dataclass(frozen=True)
class FileRows:
    """A file, or a piece of it, as a table of text, one row for each record; the cells of `broken` rows are all missing.

    The index counts the rows of the file from 0; `broken` names rows by it.
    """

    table: pd.DataFrame
    broken: dict[int, BrokenRow] = field(default_factory=dict)


class _NotReadable(ValueError):
    """The file as a whole cannot be read; the sentence says why."""


def read_file(name: str, data: bytes, what: str = "file") -> FileRows:
    """The rows of a file whose name ends in one of SUFFIXES.

    Raises:
        UnreadableFile: the bytes are not what the name says, or two columns have one name. Whatever goes wrong while a file is
            parsed ends here, so that the message names the file.
    """
    try:
        plain = _unpacked(data) if name.endswith(".gz") else data
        (whole,) = _pieces(name, _Source(lambda: io.BytesIO(plain), len(plain)), in_pieces=False)
        return whole
    except Exception as error:
        raise _unreadable(name, len(data), error, what) from error


def read_pieces(name: str, path: Path, what: str = "file") -> Iterator[FileRows]:
    """The rows of a file on the disk, some tens of megabytes at a time; what is unpacked is put beside it.

    Raises:
        UnreadableFile: as for `read_file`, at the latest with the last piece.
    """
    try:
        plain = _unpacked_beside(path) if name.endswith(".gz") else path
        yield from _pieces(name, _Source(lambda: plain.open("rb"), plain.stat().st_size), in_pieces=True)
    except Exception as error:
        raise _unreadable(name, path.stat().st_size, error, what) from error


@dataclass(frozen=True)
class _Source:
    """Bytes that can be read more than once, and how many there are; `whole` is false for a block from within a file."""

    open: Callable[[], BinaryIO]
    size: int
    whole: bool = True


def _pieces(name: str, source: _Source, in_pieces: bool) -> Iterator[FileRows]:
    plain_name = name.removesuffix(".gz")
    if plain_name.endswith(".parquet"):
        return _parquet_rows(source, in_pieces)
    with source.open() as file:
        if encoding := _OTHER_ENCODINGS.get(file.read(2)):
            raise _NotReadable(f"its text is {encoding}; accepted is UTF-8")
    return _json_rows(source, in_pieces) if plain_name.endswith(".jsonl") else _csv_rows(source, in_pieces)


def _unreadable(name: str, size: int, error: Exception, what: str) -> UnreadableFile:
    why = str(error) if isinstance(error, _NotReadable) else f"{type(error).__name__}: {of_data(error)}"
    return UnreadableFile(
        f"{what} {name} ({size:,} bytes) cannot be read: {why}. Accepted are {', '.join(SUFFIXES)}; "
        "deliver it again under the same name, or remove it."
    )


def _unpacked(data: bytes) -> bytes:
    target = io.BytesIO()
    _unpack(io.BytesIO(data), len(data), target)
    return target.getvalue()


def _unpacked_beside(path: Path) -> Path:
    plain = path.with_suffix(".unpacked")
    with path.open("rb") as packed, plain.open("wb") as target:
        _unpack(packed, path.stat().st_size, target)
    return plain


def _unpack(packed: BinaryIO, size: int, target: BinaryIO) -> None:
    limit = max(_UNPACKED_FLOOR, _UNPACKED_TIMES * size)
    if not size:
        # Python takes it for an empty text, and an empty file of JSON lines withdraws its rows.
        raise _NotReadable("it is no whole gzip file (it is empty)")
    try:
        with gzip.open(packed) as file:
            while part := file.read(_AT_ONCE):
                target.write(part)
                if target.tell() > limit:
                    raise _NotReadable(
                        f"it unpacks to more than the {limit:,} bytes that are accepted for a file of this size"
                    )
    except (OSError, EOFError, zlib.error) as error:
        raise _NotReadable(f"it is no whole gzip file ({error})") from error


class _Table:
    """Rows of text, gathered into Arrow columns some at a time: Python's strings need several times the memory."""

    def __init__(self, names: Sequence[str] = (), first: int = 0) -> None:
        self._names = dict.fromkeys(names)
        self.broken: dict[int, BrokenRow] = {}
        self._chunks: dict[str, list[pa.Array]] = {}
        self._waiting: list[dict[str, str | None] | list[str | None]] = []
        self._first, self._done = first, 0
        self.size = 0

    def next_piece(self) -> "_Table":
        """An empty one for the rows that follow."""
        return _Table(list(self._names), self._first + self._done + len(self._waiting))

    def add(self, row: "dict[str, str | None] | list[str | None]", line: int, text: str) -> None:
        """A row, whose values stand in the order of the names or below them; broken if a value is no text that can be kept."""
        if isinstance(row, dict):
            self._names |= dict.fromkeys(row)
        values = row.values() if isinstance(row, dict) else row
        if unfit := next((value for value in values if value is not None and _unfit(value)), None):
            self.add_broken(f"line {line}: {_unfit(unfit)}", text)
        else:
            self._push(row, text)

    def add_broken(self, reason: str, text: str) -> None:
        """A row in the place of a line that could not be read."""
        shown = _SURROGATE.sub("�", text.replace("\0", "␀").strip("\r\n"))[:_LONGEST_QUOTE]
        self.broken[self._first + self._done + len(self._waiting)] = BrokenRow(reason, shown)
        self._push([], text)

    def result(self) -> FileRows:
        """Everything that was added."""
        self._gather()
        arrays = [pa.chunked_array(self._up_to_now(name), pa.string()) for name in self._names]
        table = pa.Table.from_arrays(arrays, names=list(self._names)) if arrays else None
        frame = _as_frame(table) if table is not None else pd.DataFrame(index=pd.RangeIndex(self._done))
        frame.index = pd.RangeIndex(self._first, self._first + self._done)
        return FileRows(frame, self.broken)

    def _push(self, row: "dict[str, str | None] | list[str | None]", text: str) -> None:
        self._waiting.append(row)
        self.size += len(text)
        if len(self._waiting) >= _ROWS_AT_ONCE:
            self._gather()

    def _gather(self) -> None:
        for place, name in enumerate(self._names):
            values = [(row.get(name) if isinstance(row, dict) else row[place]) if row else None for row in self._waiting]
            self._up_to_now(name).append(pa.array(values, pa.string()))
        self._done += len(self._waiting)
        self._waiting = []

    def _up_to_now(self, name: str) -> "list[pa.Array]":
        """The chunks of a column; one of JSON lines may come up late, and the rows before it lack it."""
        chunks = self._chunks.setdefault(name, [])
        missing = self._done - sum(map(len, chunks))
        chunks += [pa.nulls(missing, pa.string())] if missing else []
        return chunks


def _unfit(text: str) -> str:
    """Why a text cannot be kept; empty where it can."""
    if "\0" in text:
        return "a value holds a NUL byte"
    if not text.isascii() and _SURROGATE.search(text):
        return "a value is no valid UTF-8, or holds half of a surrogate pair"
    if len(text) > _LONGEST_CELL:
        return f"a value has {len(text):,} characters; at most {_LONGEST_CELL:,} are accepted"
    return ""


def _check_names(names: Sequence[str]) -> None:
    if twice := [name for name in dict.fromkeys(names) if list(names).count(name) > 1]:
        raise _NotReadable(f"the column {of_data(twice[0])} stands in it twice: which one is meant cannot be known")


# csv


def _csv_rows(source: _Source, in_pieces: bool) -> Iterator[FileRows]:
    """Strictly as RFC 4180 has it, or line by line where the quotes of the file do not hold together.

    That is known at the end of the file alone, so a file that is read in pieces is read twice. In most files no value has
    several lines: those Arrow reads, in a tenth of the time.
    """
    if _has_a_row_a_line(source):
        blocks = _row_by_row(source)
        yield from blocks if in_pieces else [_joined(list(blocks))]
    elif in_pieces:
        yield from _filled(_records(source) if _holds_together(source) else _lines(source), in_pieces)
    else:
        try:
            yield from list(_filled(_records(source), in_pieces))
        except _BrokenQuotes:
            yield from _filled(_lines(source), in_pieces)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """Whole lines, some tens of megabytes at a time."""
    while block := file.read(LARGE) + file.readline():
        yield block


def _has_a_row_a_line(source: _Source) -> bool:
    """Whether every quote begins and ends a value as RFC 4180 has it, and none holds the end of a line."""
    with source.open() as file:
        return all(b'"' not in block or _quotes_end_in_their_lines(block) for block in _blocks(file))


def _quotes_end_in_their_lines(block: bytes) -> bool:
    if block.count(b"\r") != block.count(b"\r\n"):
        return False
    data = np.frombuffer(b"\n" + block + b"\n", np.uint8)
    quotes, ends = np.flatnonzero(data == ord('"')), np.flatnonzero(data == ord("\n"))
    if (np.searchsorted(quotes, ends) % 2).any():
        return False
    begins, closes = quotes[0::2], quotes[1::2]
    # Two quotes in a row are one in the value.
    doubled = np.flatnonzero(begins[1:] == closes[:-1] + 1)
    begins, closes = np.delete(begins, doubled + 1), np.delete(closes, doubled)
    return bool(np.isin(data[begins - 1], list(b",\n")).all() and np.isin(data[closes + 1], list(b",\r\n")).all())


def _row_by_row(source: _Source) -> Iterator[FileRows]:
    """A csv with a row a line, in blocks of lines: by Arrow where each is as it should be, else line by line."""
    with source.open() as file:
        header = file.readline(_LONGEST_CELL)
        names = next(_records(_in_memory(header)), None) if _is_plain(header) else None
        first_row = number = 0
        if names is None or len(names.values) < 2 or not header.endswith(b"\n"):
            # Odd from its first line on, or of one column, in which an empty line is a row.
            yield from _filled(_lines(source), in_pieces=True)
            return
        _check_names(names.values)
        number = 2
        for block in _blocks(file):
            table = _by_arrow(block, names.values)
            rows = _as_rows(table, first_row) if table is not None else _by_line(block, names.values, first_row, number)
            yield rows
            first_row, number = first_row + len(rows.table), number + _count_lines(block)
        if number == 2:
            yield _Table(names.values).result()


def _is_plain(block: bytes) -> bool:
    """Whether a newline is what ends its lines, and nothing in it has to be looked at."""
    return b"\0" not in block and block.count(b"\r") == block.count(b"\r\n")


def _by_arrow(block: bytes, names: list[str]) -> "pa.Table | None":
    """The rows of a block; None where one of them cannot be read as it stands."""
    if not _is_plain(block) or block.startswith(_BYTE_ORDER_MARK):
        return None
    lines = pv.ParseOptions(newlines_in_values=False)
    texts = pv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True)
    read = pv.ReadOptions(column_names=names, use_threads=False, block_size=len(block) + 1)
    try:
        table = pv.read_csv(pa.BufferReader(block), read_options=read, parse_options=lines, convert_options=texts)
    except pa.ArrowInvalid:
        return None
    longest = max((pc.max(pc.binary_length(column)).as_py() or 0) for column in table.columns)
    return table if longest <= _LONGEST_CELL else None


def _by_line(block: bytes, names: list[str], first_row: int, number: int) -> FileRows:
    table = _Table(names, first_row)
    for record in _lines(_Source(lambda: io.BytesIO(block), len(block), whole=False), number, len(names)):
        _add(table, record, names)
    return table.result()


def _count_lines(block: bytes) -> int:
    return block.count(b"\n") if _is_plain(block) else sum(1 for _ in _text_lines(_in_memory(block)))


def _in_memory(data: bytes) -> _Source:
    return _Source(lambda: io.BytesIO(data), len(data))


def _as_rows(table: "pa.Table", first: int) -> FileRows:
    frame = _as_frame(table)
    frame.index = pd.RangeIndex(first, first + len(frame))
    return FileRows(frame)


def _joined(pieces: list[FileRows]) -> FileRows:
    if len(pieces) == 1:
        return pieces[0]
    broken = {row: why for piece in pieces for row, why in piece.broken.items()}
    return FileRows(pd.concat([piece.table for piece in pieces], ignore_index=True), broken)


def _holds_together(source: _Source) -> bool:
    try:
        for _ in _records(source):
            pass
    except _BrokenQuotes:
        return False
    return True


class _BrokenQuotes(Exception):
    """A quote swallows lines, or stands where none may."""


@dataclass(frozen=True)
class _Record:
    """The values of one record, or why they cannot be told apart; `line` is the number of its first line."""

    values: list[str]
    line: int
    text: str
    wrong: str = ""


def _filled(records: Iterator[_Record], in_pieces: bool) -> Iterator[FileRows]:
    header = next(records, None)
    if header is None:
        raise _NotReadable("the file is empty")
    if header.wrong or any(map(_unfit, header.values)):
        raise _NotReadable(f"line {header.line}, which names the columns: {header.wrong or 'it holds bytes that are no text'}")
    names = header.values
    _check_names(names)
    table = _Table(names)
    for record in records:
        _add(table, record, names)
        if in_pieces and table.size > LARGE:
            yield table.result()
            table = table.next_piece()
    yield table.result()


def _add(table: _Table, record: _Record, names: list[str]) -> None:
    if not record.wrong and len(record.values) == len(names):
        table.add([value or None for value in record.values], record.line, record.text)
    elif record.wrong:
        table.add_broken(f"line {record.line}: {record.wrong}", record.text)
    else:
        count = f"{len(record.values)} value{'s' if len(record.values) != 1 else ''}"
        table.add_broken(f"line {record.line}: {count}, the header has {len(names)} names", record.text)


def _text_lines(source: _Source, end: str = "") -> Iterator[str]:
    """Bytes that are no UTF-8 become surrogates, which no good value holds; the ends of lines stay as they are."""
    with source.open() as file:
        if not source.whole or file.read(len(_BYTE_ORDER_MARK)) != _BYTE_ORDER_MARK:
            file.seek(0)
        yield from io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline=end)


def _records(source: _Source) -> Iterator[_Record]:
    """Records of a file whose quotes hold together; _BrokenQuotes where they do not."""
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in _text_lines(source):
            taken.append(line)
            yield line

    number, width = 1, 0
    reader = csv.reader(lines(), strict=True)
    try:
        for values in reader:
            of_this, taken[:] = list(taken), []
            width = width or len(values)
            if len(of_this) > 1 and _swallows(of_this, width):
                raise _BrokenQuotes
            if values or width == 1:
                yield _Record(values or [""], number, "".join(of_this))
            number += len(of_this)
    except csv.Error as error:
        raise _BrokenQuotes from error


def _swallows(lines: Sequence[str], width: int) -> bool:
    """Whether a record of several lines may be several rows: a quote that upstream did not mean joined them.

    A line counts as a row if it has the width of the header and holds a date, as the time of every row does. Text of several
    lines is no row inside, and does not both begin and end in one.
    """

    def is_row(line: str) -> bool:
        return line.count(",") == width - 1 and bool(_A_DATE.search(line))

    return any(map(is_row, lines[1:-1])) or (is_row(lines[0]) and is_row(lines[-1]))


def _lines(source: _Source, first: int = 1, width: int = 0) -> Iterator[_Record]:
    """Every line for itself: those that hold together are rows.

    `first` is the number of the first line, `width` how many values each has, 0 where the first line says so.
    """
    for number, line in enumerate(_text_lines(source), first):
        try:
            (values,) = csv.reader([line], strict=True)
        except csv.Error:
            yield _Record([], number, line, "a quote in it does not end, or ends within a value")
            continue
        width = width or len(values)
        if values or width == 1:
            yield _Record(values or [""], number, line)


# jsonl


class _Number(str):
    """A number as it stands in a file of JSON."""

    __slots__ = ()


class _NotARow(ValueError):
    """A line that is no row; the sentence says why."""


def _json_rows(source: _Source, in_pieces: bool) -> Iterator[FileRows]:
    """An empty file has no rows: a writer of JSON lines, such as Spark, says so in this way."""
    table = _Table()
    for number, line in enumerate(_text_lines(source, "\n"), 1):
        if not line.strip():
            continue
        try:
            row = {name: _written(value) for name, value in _parsed(line).items()}
        except _NotARow as error:
            table.add_broken(f"line {number}: {error}", line)
            continue
        if any(map(_unfit, row)):
            table.add_broken(f"line {number}: the name of a column is no text", line)
            continue
        table.add(row, number, line)
        if in_pieces and table.size > LARGE:
            yield table.result()
            table = table.next_piece()
    yield table.result()


def _parsed(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line, parse_int=_Number, parse_float=_Number, parse_constant=_Number, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise _NotARow(f"not JSON ({error.msg} at character {error.pos + 1})") from error
    except RecursionError as error:
        raise _NotARow("nested too deeply") from error
    if not isinstance(row, dict):
        raise _NotARow("not a JSON object")
    return row


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _NotARow(f"{of_data(twice)} stands in it twice")
    return found


def _written(value: Any) -> str | None:
    """A value of JSON, or a Python object of parquet, as text."""
    if value is None:
        return None
    if isinstance(value, _Number):
        return None if value == "NaN" else plain_number(value)
    if isinstance(value, str):
        return value or None
    if isinstance(value, dict | list):
        return _nested(value)
    return str(value)


def _nested(value: Any) -> str:
    """JSON of a list or an object, with numbers as they were written."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name, ensure_ascii=False)}:{_nested(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_nested, value)) + "]"
    if isinstance(value, _Number):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def plain_number(written: str) -> str:
    """The one spelling of a typed number; what is no finite number stays as it is.

    >>> [plain_number(text) for text in ("7", "7.0", "7.00", "-0", "1e3", "1.50", "12345678901234567890.10", "inf")]
    ['7', '7', '7', '0', '1000', '1.5', '12345678901234567890.1', 'inf']
    """
    if _PLAIN.fullmatch(written):
        return written
    number = Decimal(written)
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        return written
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


# parquet


def _parquet_rows(source: _Source, in_pieces: bool) -> Iterator[FileRows]:
    if not source.size:
        raise _NotReadable("the file is empty")
    with source.open() as opened:
        file = pq.ParquetFile(opened, buffer_size=_AT_ONCE if in_pieces else 0, pre_buffer=not in_pieces)
        groups = [file.metadata.row_group(group) for group in range(file.metadata.num_row_groups)]
        # Repeated values take no room in the file, and some in memory.
        unpacked = max(
            sum(group.total_byte_size for group in groups), file.metadata.num_rows * max(file.metadata.num_columns, 1)
        )
        if unpacked > (limit := max(_UNPACKED_FLOOR, _UNPACKED_TIMES * source.size)):
            raise _NotReadable(f"it unpacks to {unpacked:,} bytes; accepted are {limit:,} for a file of this size")
        _check_names(file.schema_arrow.names)
        if not in_pieces or not file.metadata.num_rows:
            yield texts_of(file.read(), 0)
            return
        rows = max(1, LARGE * file.metadata.num_rows // max(unpacked, 1))
        first = 0
        for batch in file.iter_batches(min(rows, _ROWS_AT_ONCE)):
            yield texts_of(pa.Table.from_batches([batch]), first)
            first += len(batch)


def texts_of(table: "pa.Table", first: int) -> FileRows:
    """A table as text, every value in its one spelling; its first row is that of this number."""
    table.validate(full=True)
    columns: list[pa.ChunkedArray] = []
    broken: dict[int, BrokenRow] = {}
    for name in table.column_names:
        texts, unfit = _as_texts(table.column(name))
        columns.append(texts)
        for row, why in unfit.items():
            broken.setdefault(row, BrokenRow(f"row {first + row + 1}: {of_data(name)}: {why}", ""))
    if broken:
        good = pa.array([row not in broken for row in range(len(table))])
        columns = [pc.if_else(good, column, None) for column in columns]
    frame = _as_frame(pa.Table.from_arrays(columns, names=table.column_names))
    frame.index = pd.RangeIndex(first, first + len(frame))
    return FileRows(frame, {first + row: why for row, why in broken.items()})


def _as_texts(column: "pa.ChunkedArray") -> tuple["pa.ChunkedArray", dict[int, str]]:
    """A column as text, and the rows whose value is none, with the reason."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _as_texts(pc.cast(column, kind.value_type))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        texts = pc.cast(column, pa.string())
        return pc.if_else(pc.equal(texts, ""), None, texts), _unfit_rows(texts)
    if pa.types.is_integer(kind) or pa.types.is_null(kind) or pa.types.is_date(kind):
        return pc.cast(column, pa.string()), {}
    if pa.types.is_boolean(kind):
        return pc.if_else(column, "True", "False"), {}
    if pa.types.is_timestamp(kind):
        return _times_as_texts(column), {}
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _numbers_as_texts(column), {}
    return _objects_as_texts(column)


def _times_as_texts(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    # An aware time is an instant: Arrow keeps it in UTC, whatever its zone is called.
    aware = column.type.tz is not None
    texts = pc.cast(pc.cast(column, pa.timestamp(column.type.unit)), pa.string())
    for pattern, instead in ((r"(\.\d*?)0+$", r"\1"), (r"\.$", ""), (" ", "T"), *([("$", "Z")] if aware else [])):
        texts = pc.replace_substring_regex(texts, pattern, instead)
    return texts


def _numbers_as_texts(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    texts = pc.cast(column, pa.string())
    odd = pc.fill_null(pc.invert(pc.match_substring_regex(texts, f"^({_PLAIN.pattern})$")), False)
    if not pc.any(odd).as_py():
        return texts
    spelled = pa.array([None if text is None else plain_number(text) for text in texts.filter(odd).to_pylist()], pa.string())
    return pa.chunked_array([pc.replace_with_mask(texts.combine_chunks(), _one(odd), spelled)])


def _one(column: "pa.ChunkedArray | pa.Array") -> "pa.Array":
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _objects_as_texts(column: "pa.ChunkedArray") -> tuple["pa.ChunkedArray", dict[int, str]]:
    """Bytes, times of a day, durations, lists, structs and maps, value by value."""
    texts: list[str | None] = []
    for value in column.to_pylist():
        if isinstance(value, bytes):
            texts.append(value.decode("utf-8", errors="surrogateescape") or None)
        else:
            texts.append(_written(list(value) if isinstance(value, tuple) else value))
    unfit = {row: why for row, text in enumerate(texts) if text is not None and (why := _unfit(text))}
    kept = [None if row in unfit else text for row, text in enumerate(texts)]
    return pa.chunked_array([pa.array(kept, pa.string())]), unfit


def _unfit_rows(texts: "pa.ChunkedArray") -> dict[int, str]:
    # A length in bytes is at least that in characters.
    suspects = pc.fill_null(pc.or_(pc.match_substring(texts, "\0"), pc.greater(pc.binary_length(texts), _LONGEST_CELL)), False)
    # pyarrow 25's indices_nonzero of a chunked array now and then crashes the process.
    rows = np.flatnonzero(suspects.to_numpy()).tolist()
    return {row: why for row in rows if (why := _unfit(texts[row].as_py()))}


def _as_frame(table: "pa.Table") -> pd.DataFrame:
    frame: pd.DataFrame = table.replace_schema_metadata(None).to_pandas(
        types_mapper={pa.string(): pd.StringDtype(na_value=float("nan"))}.get, ignore_metadata=True
    )
    return frame
