"""Every value as it was written, in every format; what cannot be read is named, and its neighbours are not touched."""

import csv
import gzip
import io
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.adapters import file_reader
from include.adapters.file_reader import FileRows, plain_number, read_file, read_pieces
from include.errors import UnreadableFile

TYPED: list[tuple[pa.Array, list[str | None]]] = [
    (pa.array([1234567890123456701, None, 3]), ["1234567890123456701", None, "3"]),
    (pa.array([2**64 - 1, None, 0], pa.uint64()), ["18446744073709551615", None, "0"]),
    (pa.array([7.0, math.nan, 0.1]), ["7", None, "0.1"]),
    (pa.array([1e20, 1e-7, -0.0]), ["100000000000000000000", "0.0000001", "0"]),
    (pa.array([0.1, None, 16777216.0], pa.float32()), ["0.1", None, "16777216"]),
    (pa.array([Decimal("7.00"), None, Decimal("-0.10")]), ["7", None, "-0.1"]),
    (pa.array([True, None, False]), ["True", None, "False"]),
    (pa.array(["", "n/a", "007"]), [None, "n/a", "007"]),
    (pa.array(["a", None, "b"]).dictionary_encode(), ["a", None, "b"]),
    (pa.array(["a", None, "b"], pa.large_string()), ["a", None, "b"]),
    (pa.array([0, None, 1_500_000_000_123_456_789], pa.timestamp("ns", tz="Europe/Berlin")),
     ["1970-01-01T00:00:00Z", None, "2017-07-14T02:40:00.123456789Z"]),
    (pa.array([0, None, 86_400], pa.timestamp("s")), ["1970-01-01T00:00:00", None, "1970-01-02T00:00:00"]),
    (pa.array([0, None, 19_723], pa.date32()), ["1970-01-01", None, "2024-01-01"]),
    (pa.array([[1, 2], None, []]), ["[1,2]", None, "[]"]),
    (pa.array([{"a": "ä"}, None, {"a": None}]), ['{"a":"ä"}', None, '{"a":null}']),
    (pa.array([b"x", None, "ä".encode()]), ["x", None, "ä"]),
]  # fmt: skip


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def cells(rows: FileRows, name: str) -> list[str | None]:
    return [None if pd.isna(value) else value for value in rows.table[name]]


def reasons(rows: FileRows) -> dict[int, str]:
    return {row: broken.reason for row, broken in rows.broken.items()}


@pytest.mark.parametrize(("column", "texts"), TYPED, ids=[str(column.type) for column, _ in TYPED])
def test_a_typed_value_of_parquet_is_exact(column: pa.Array, texts: list[str | None]) -> None:
    """To the last digit, also beside a missing value, and with one spelling."""
    rows = read_file("a.parquet", parquet(pa.table({"value": column})))
    assert cells(rows, "value") == texts
    assert not rows.broken


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("1234567890123456701", "1234567890123456701"),
        ("7.0", "7"),
        ("7.00", "7"),
        ("1e3", "1000"),
        ("0.10", "0.1"),
        ("-0.0", "0"),
        ("123456789.123456789123456789", "123456789.123456789123456789"),
        ("true", "True"),
        ("null", None),
        ("NaN", None),
        ("Infinity", "Infinity"),
        ('"7.0"', "7.0"),
        ('"007"', "007"),
        ('""', None),
        ('"n/a"', "n/a"),
        ('{"a": [1.50, null, "ä"]}', '{"a":[1.50,null,"ä"]}'),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_value_of_json_is_exact(written: str, text: str | None) -> None:
    """Numbers keep all their digits, text stays text, and a missing value beside them changes nothing."""
    rows = read_file("a.jsonl", f'{{"value": {written}}}\n{{"value": null}}\n{{"other": 1}}\n'.encode())
    assert cells(rows, "value") == [text, None, None]


def test_one_key_is_one_key_in_every_format() -> None:
    """The whole number 7 as text, integer, float and decimal."""
    table = pa.table({"int": [7], "float": [7.0], "decimal": [Decimal("7.00")]})
    in_parquet = read_file("a.parquet", parquet(table))
    in_json = read_file("a.jsonl", b'{"int": 7, "float": 7.0, "text": "7"}\n')
    in_csv = read_file("a.csv", b"text\n7\n")
    keys = [*in_parquet.table.iloc[0], *in_json.table.iloc[0], *in_csv.table.iloc[0]]
    assert keys == ["7"] * 7


def test_text_in_a_csv_stays_as_it_is() -> None:
    """Zeros in front and behind, spaces, words that other tools take for missing, and lines inside of quotes."""
    rows = read_file("a.csv", b'\xef\xbb\xbfid,note\r\n007, NA\r\n7.0,"two\nlines, one ""row"""\r\n,null\r\n')
    assert cells(rows, "id") == ["007", "7.0", None]
    assert cells(rows, "note") == [" NA", 'two\nlines, one "row"', "null"]


@pytest.mark.parametrize(
    ("lines", "broken"),
    [
        (["a,2024-01-01,1", "b,2024-01-02", "c,2024-01-03,3"], {1: "line 3: 2 values, the header has 3 names"}),
        (["a,2024-01-01,1,9", "c,2024-01-03,3"], {0: "line 2: 4 values, the header has 3 names"}),
        (['a,2024-01-01,"24 inch', "b,2024-01-02,2", 'c,2024-01-03,"27 inch', "d,2024-01-04,4"], {0: "line 2", 2: "line 4"}),
        (['a,2024-01-01,"24 inch', "b,2024-01-02,2"], {0: "line 2"}),
        (['a,2024-01-01,"24 inch', 'b,2024-01-02,27 inch"', "c,2024-01-03,3"], {0: "line 2"}),
        (['a,2024-01-01,"24 inch', "b,2024-01-02,2", 'c,2024-01-03,27 inch"'], {0: "line 2"}),
        (['"24 inch,2024-01-01,1', '27 inch",2024-01-02,2', "c,2024-01-03,3"], {0: "line 2"}),
        (['a,2024-01-01,"24" inch', "b,2024-01-02,2"], {0: "line 2"}),
        (['a,2024-01-01,"say \\"hi\\""', "b,2024-01-02,2"], {0: "line 2"}),
        (["a,2024-01-01,\0", "b,2024-01-02,2"], {0: "line 2: a value holds a NUL byte"}),
        (["a,2024-01-01,\udcff", "b,2024-01-02,2"], {0: "line 2: a value is no valid UTF-8"}),
    ],
)
def test_a_broken_line_is_told_from_its_neighbours(lines: list[str], broken: dict[int, str]) -> None:
    """Each other line is a row, and the broken one is kept as it stands, with its number."""
    data = "\n".join(["id,at,x", *lines, ""]).encode(errors="surrogateescape")
    rows = read_file("a.csv", data)
    assert {row: why[: len(broken.get(row, ""))] for row, why in reasons(rows).items()} == broken
    assert len(rows.table) == len(lines)
    for number, line in enumerate(lines):
        if number in broken:
            assert rows.table.iloc[number].isna().all()
            assert rows.broken[number].text[:4] == line[:4]
        else:
            assert rows.table.iloc[number].tolist() == line.split(",")


def test_text_of_several_lines_is_one_value() -> None:
    """Where the quotes hold together and no line inside is a row of its own."""
    notes = ["two\nlines", "Dear all,\n\nsince 2024-01-01, we\nare closed.", "a,b,c", '"quoted"']
    for name in ("note,id,at", "id,note,at", "id,at,note"):
        text = io.StringIO()
        writer = csv.DictWriter(text, name.split(","))
        writer.writeheader()
        writer.writerows({"id": str(number), "at": "2024-01-01", "note": note} for number, note in enumerate(notes))
        rows = read_file("a.csv", text.getvalue().encode())
        assert cells(rows, "note") == notes
        assert not rows.broken


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": "\\ud83d"}', "line 2: a value is no valid UTF-8, or holds half of a surrogate pair"),
        (b'{"id": "\xff"}', "line 2: a value is no valid UTF-8, or holds half of a surrogate pair"),
        (b'{"id": "\\u0000"}', "line 2: a value holds a NUL byte"),
        (b'{"id": 1, "id": 2}', "line 2: «id» stands in it twice"),
        (b"[1]", "line 2: not a JSON object"),
        (b'{"id": ', "line 2: not JSON (Expecting value at character"),
        (b"[" * 200_000, "line 2: nested too deeply"),
        (b'{"a":' * 200_000, "line 2: nested too deeply"),
    ],
)
def test_a_broken_line_of_json_is_told_from_its_neighbours(line: bytes, reason: str) -> None:
    """One half of an emoji does not stop a feed."""
    rows = read_file("a.jsonl", b'{"id": 1}\n' + line + b'\n\n{"id": 2}\n')
    assert reasons(rows)[1].startswith(reason)
    assert cells(rows, "id") == ["1", None, "2"]


def test_bytes_of_parquet_that_are_no_text_break_their_row() -> None:
    """And only that row."""
    rows = read_file("a.parquet", parquet(pa.table({"id": [1, 2, 3], "raw": [b"x", b"\xff", None]})))
    assert reasons(rows) == {1: "row 2: «raw»: a value is no valid UTF-8, or holds half of a surrogate pair"}
    assert cells(rows, "id") == ["1", None, "3"]


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.parquet", b"", "the file is empty"),
        ("a.csv.gz", gzip.compress(b""), "the file is empty"),
        ("a.csv", b"id,at,x,x\n1,2,3,4\n", "the column «x» stands in it twice"),
        (
            "a.parquet",
            parquet(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])),
            "the column «x» stands in",
        ),
        ("a.csv", "id\n1\n".encode("utf-16"), "its text is UTF-16; accepted is UTF-8"),
        ("a.csv", b"id,\0\n1,2\n", "line 1, which names the columns"),
        ("a.csv.gz", b"id\n1\n", "it is no whole gzip file"),
        ("a.jsonl.gz", b"", "it is no whole gzip file"),
        ("a.csv.gz", gzip.compress(b"id\n1\n")[:-4], "it is no whole gzip file"),
        ("a.csv.gz", gzip.compress(b"0" * (65 * 1024**2)), "it unpacks to more than"),
        ("a.parquet", parquet(pa.table({"x": pa.array(["a"] * 70_000_000).dictionary_encode()})), "it unpacks to"),
        ("a.parquet", b"PAR1 nonsense PAR1", "ArrowInvalid"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_cannot_be_read_says_why(name: str, data: bytes, why: str) -> None:
    """With its name, its length and what is accepted."""
    with pytest.raises(UnreadableFile) as refusal:
        read_file(name, data)
    assert str(refusal.value).startswith(f"file {name} ({len(data):,} bytes) cannot be read: {why}")
    assert "Accepted are .csv" in str(refusal.value)


def test_a_header_without_rows_is_no_fault() -> None:
    """A quiet day: no row, and the columns are known."""
    rows = read_file("a.csv", b"id,at\n")
    assert (list(rows.table.columns), len(rows.table)) == (["id", "at"], 0)
    assert [len(read_file("a.jsonl", data).table) for data in (b"", b"\n", b"\r\n")] == [0, 0, 0]


def test_an_index_of_pandas_is_a_column() -> None:
    """Pandas keeps the index of a frame beside the columns; its name is that of the column."""
    buffer = io.BytesIO()
    pd.DataFrame({"id": ["a", "b"], "x": [1, 2]}).set_index("id").to_parquet(buffer)
    assert cells(read_file("a.parquet", buffer.getvalue()), "id") == ["a", "b"]


def test_many_rows_are_gathered_in_their_order() -> None:
    """Also where a column comes up late, and where a line in between is broken."""
    lines = [f'{{"id": {number}}}' for number in range(120_000)]
    lines[60_000], lines[110_000] = "nope", '{"id": 110000, "late": "x"}'
    rows = read_file("a.jsonl", "\n".join(lines).encode())
    assert list(rows.broken) == [60_000]
    assert rows.table["id"].iloc[[0, 59_999, 60_001, 119_999]].tolist() == ["0", "59999", "60001", "119999"]
    assert rows.table["late"].notna().sum() == 1
    assert rows.table["late"].iloc[110_000] == "x"


@settings(max_examples=200)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_one_number_has_one_spelling(number: Decimal) -> None:
    """However many zeros and whichever exponent it was written with; and it is the same number."""
    spelled = plain_number(str(number))
    assert Decimal(spelled) == number
    assert {
        plain_number(text) for text in (f"{number:f}", f"{number:e}", f"{number:f}000" if "." in f"{number:f}" else spelled)
    } == {spelled}


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
CELL = TEXT | st.sampled_from(['"', ",", "\n", "\r\n", "a\nb", 'say "hi"', " ", "2024-01-01", "007", "1e5", "ä"])


@settings(max_examples=200)
@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=8))
def test_what_a_strict_writer_wrote_comes_back(rows: list[tuple[str, str, str]]) -> None:
    """Any text, in csv as Python writes it and in JSON: value by value, or the row is broken and says so; none is lost."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("a", "b", "c"), *rows])
    in_csv = read_file("a.csv", text.getvalue().encode())
    lines = [json.dumps(dict(zip("abc", row, strict=True))) for row in rows] or ["{}"]
    in_json = read_file("a.jsonl", "\n".join(lines).encode())
    wanted = [[value or None for value in row] for row in rows]
    if not in_csv.broken:
        assert [[None if pd.isna(value) else value for value in row] for row in in_csv.table.to_numpy()] == wanted
    if rows:
        assert not in_json.broken
        assert [[None if pd.isna(value) else value for value in row] for row in in_json.table.to_numpy()] == wanted


def test_every_error_of_a_parser_names_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that no one has thought of."""

    def overflow(*_: Any, **__: Any) -> Any:
        raise OverflowError("too large")

    monkeypatch.setattr("include.adapters.file_reader.pq.ParquetFile", overflow)
    with pytest.raises(UnreadableFile, match=r"a\.parquet \(1 bytes\) cannot be read: OverflowError: «too large»"):
        read_file("a.parquet", b"x")


ODD_VALUES = ["plain", "", "007", "7.0", 'says "yes"', "two\nlines", "ä, ö", "2024-01-01"]


def many_rows(count: int) -> list[dict[str, Any]]:
    return [{"id": number, "text": ODD_VALUES[number % len(ODD_VALUES)], "x": number / 8 or None} for number in range(count)]


def as_csv(rows: list[dict[str, Any]], broken: bool) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    lines = text.getvalue().splitlines(keepends=True)
    if broken:
        lines[200:200] = ["too,few\r\n", 'a,"quote" inside,1\r\n', "a\0,b,1\r\n"]
    return "".join(lines).encode()


def as_jsonl(rows: list[dict[str, Any]]) -> bytes:
    lines = [json.dumps(row) for row in rows]
    lines[200:200] = ["not json", '{"id": 1, "late": "yes"}', '{"id": "\\ud83d"}']
    return "\n".join(lines).encode()


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    target = io.BytesIO()
    texts = [row["text"] if number != 300 else "a\0b" for number, row in enumerate(rows)]
    table = pa.table({"id": [row["id"] for row in rows], "text": texts, "x": [row["x"] for row in rows]})
    pq.write_table(table, target, row_group_size=170)
    return target.getvalue()


FILES = {
    "a.csv": as_csv(many_rows(700), broken=False),
    "b.csv": as_csv(many_rows(700), broken=True),
    "c.csv.gz": gzip.compress(as_csv(many_rows(700), broken=True)),
    "d.jsonl": as_jsonl(many_rows(700)),
    "e.jsonl.gz": gzip.compress(as_jsonl(many_rows(700))),
    "f.parquet": as_parquet(many_rows(700)),
    "g.csv": b"id,x\n",
    "h.jsonl": b"",
    "i.parquet": as_parquet(many_rows(1)),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_read_in_pieces_is_the_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row, every broken line and every number of a line is the same as where the file is read as a whole."""
    whole = read_file(name, FILES[name])
    monkeypatch.setattr("include.adapters.file_reader.LARGE", 3000)
    (tmp_path / name).write_bytes(FILES[name])
    pieces = list(read_pieces(name, tmp_path / name))
    assert len(pieces) > 3 or len(whole.table) < 10
    together = pd.concat([piece.table for piece in pieces])
    pd.testing.assert_frame_equal(together, whole.table.reindex(columns=together.columns), check_index_type=False)
    assert {row: why for piece in pieces for row, why in piece.broken.items()} == whole.broken


def test_a_large_file_that_is_cut_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the latest with its last piece, by name."""
    monkeypatch.setattr("include.adapters.file_reader.LARGE", 3000)
    for name in ("c.csv.gz", "f.parquet"):
        (tmp_path / name).write_bytes(FILES[name][:-40])
        with pytest.raises(UnreadableFile, match=name):
            list(read_pieces(name, tmp_path / name))


PARTS = ["1", "", "ab", "ä", " ", "\\", "\0", "\ufeff", "\r", "007", "'", "\t", "\x0b", "\u2028", '""', '"', "\n"]
CELLS = st.lists(st.sampled_from(PARTS), max_size=3).map("".join)
CELLS |= CELLS.map(lambda text: f'"{text}"')
LINES = st.lists(st.lists(CELLS, min_size=1, max_size=4).map(",".join), max_size=12)


@settings(max_examples=400)
@given(
    LINES, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.sampled_from([b"", b"\xff", b"\xed\xa0\x80"]), st.integers(8, 60)
)
def test_arrow_reads_what_the_strict_reader_reads_or_nothing(
    lines: list[str], end: str, ends: bool, odd: bytes, block: int
) -> None:
    """A file is the same, whether Arrow may read the blocks in which each line is a row, or Python's csv reads all."""
    data = end.join(["a,b,c", "1,2,3", *lines, *([""] if ends else [])]).encode() + odd
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_reader, "LARGE", block)
        fast = read_file("a.csv", data)
        patch.setattr(file_reader, "_has_a_row_a_line", lambda _: False)
        slow = read_file("a.csv", data)
    pd.testing.assert_frame_equal(fast.table, slow.table, check_index_type=False)
    assert fast.broken == slow.broken
