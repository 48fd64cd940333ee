"""Check: sort every delivered row against the contract; good rows go on, bad rows go to quarantine with their reasons.

In: a batch. Out: counts. Writes which files it takes in, so that the next run counts them if this one ends before triage;
then curated rows and quarantine of each file, and its intake record last. A large file is read in pieces, twice.
Stops when a file lacks a column, or when too large a share of a period's rows is bad: then nothing of the batch goes on.
A file that cannot be read is recorded as done and named by the error that ends the task; the other files go on.
Safe to run again: curated files are named by their content, quarantine files by their delivery.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from include.adapters.file_reader import LARGE, FileRows
from include.adapters.lake import file_id
from include.decisions.data.labels import unmatched_in_words
from include.decisions.data.row_contract import (
    RowContract,
    Sorted,
    missing_columns,
    replaced_later,
    replaced_reason,
    sort_rows,
)
from include.errors import BrokenFeed, UnreadableFile
from include.models.contract import Column, Model
from include.results import Batch, Checked, Intake, LandedFile, QuarantinedRow, TakenIn
from include.row_digests import digests
from include.services import Services, StepContext
from include.untrusted_text import of_data, one_line

IF_IT_FAILS = "The champion is unchanged, and the next run finds the files that are not done."
STATE_AFTER = {
    "BrokenFeed": "No row of this batch went on; the champion is unchanged. Bad rows that are counted here are in quarantine "
    "with their reasons. The next run finds the files again.",
    "UnreadableFile": "The other files of the batch went on; the champion is unchanged. The next run finds the file again.",
}
# Bytes of files that are kept in memory between counting and publishing; the others are read again.
_KEPT = 4 * LARGE
_ITS_NUMBER = re.compile(r"^(line|row) \d+: ")


@dataclass(frozen=True)
class _Piece:
    """A file, or a piece of a large one: as delivered, and sorted."""

    delivered: FileRows
    rows: Sorted

    @property
    def bad(self) -> list[int]:
        """The rows that broke the contract; one that a later row of the file replaces did not."""
        return [row for row in self.rows.reasons if row not in self.rows.replaced]


@dataclass
class _Delivery:
    """What is in a file: counts, and its pieces where they are kept until they are published.

    `replaced` says of each good row, in order, whether a later piece of the file has its key. `rows` and `bad` are by period;
    those without a time stand under None.
    """

    file: LandedFile
    pieces: list[_Piece] | None
    delivered: int = 0
    broken: int = 0
    good: int = 0
    columns: set[str] = field(default_factory=set)
    reasons: Counter[str] = field(default_factory=Counter)
    in_quarantine: int = 0
    rows: Counter[datetime | None] = field(default_factory=Counter)
    bad: Counter[datetime | None] = field(default_factory=Counter)
    replaced: "np.ndarray[Any, np.dtype[np.bool_]]" = field(default_factory=lambda: np.zeros(0, bool))

    def count(self, model: Model, piece: _Piece) -> None:
        """Add what is in a piece."""
        self.columns |= set(piece.delivered.table.columns)
        self.delivered += len(piece.delivered.table)
        self.broken += len(piece.delivered.broken)
        self.good += len(piece.rows.good)
        self.in_quarantine += len(piece.rows.reasons)
        # The number of a line, which the quarantine has, would make each reason another one.
        self.reasons.update(_ITS_NUMBER.sub("", reason) for row in piece.rows.reasons.values() for reason in row)
        times = piece.rows.times
        periods = model.periods_of(times).astype("object").where(times.notna(), None)
        self.rows.update(periods)
        self.bad.update(periods[piece.bad])

    def by_period(self, model: Model) -> "Iterator[tuple[datetime, int, int]]":
        """For each period its rows and how many are bad; a row without a time counts where most rows of its file do."""
        timed = Counter({period: count for period, count in self.rows.items() if period is not None})
        usual = min(timed, key=lambda period: (-timed[period], period)) if timed else model.period_of(self.file.landed_at)
        for period, count in self.rows.items():
            yield period or usual, count, self.bad[period]


def run(context: StepContext, batch: Batch) -> Checked:
    """Sort the rows of a batch and publish the good ones.

    Raises:
        UnreadableFile: a file is not what its name says; the others went on.
        BrokenFeed: a column is absent, or more than `feed.max_bad_share` of the rows of a stream and period are bad.
    """
    services, model = context.services, context.model
    deliveries, unreadable = _read(services, model, batch)
    if broken := _broken_feed(model, deliveries):
        for delivery in deliveries:
            _quarantine(services, model, delivery)
        raise broken
    # Without those that cannot be read: the next run goes on without them.
    files = tuple(delivery.file for delivery in deliveries)
    known = services.lake.known_since(model.name, files, context.request.as_of)
    if deliveries:
        services.lake.keep_taken_in(model.name, TakenIn(as_of=context.request.as_of, files=files, known=known))
    for delivery in deliveries:
        _publish(services, model, delivery, known[file_id(delivery.file)])
    for file in unreadable:
        services.lake.finish_file(model.name, Intake(file=file, rows=0, reasons={"the file cannot be read": 1}))
    if unreadable:
        raise _unreadable(list(unreadable.values()), len(deliveries))
    return _checked(services, model, deliveries)


def _checked(services: Services, model: Model, deliveries: list[_Delivery]) -> Checked:
    features = [delivery for delivery in deliveries if delivery.file.stream == "features"]
    rows, bad = sum(delivery.good for delivery in features), sum(delivery.in_quarantine for delivery in deliveries)
    labels, unmatched, first_unmatched = _labels(services, model, deliveries)
    summary = f"{rows:,} rows went on, {bad:,} are in quarantine" + (f": {_in_words(deliveries)}" if bad else "")
    if deliveries and not any(delivery.delivered for delivery in deliveries):
        summary = f"{len(deliveries)} files, no rows" if len(deliveries) > 1 else "one file, no rows"
    if unmatched:
        summary += f"; {unmatched_in_words(labels, unmatched, first_unmatched)}"
    return Checked(
        rows=rows,
        quarantined=bad,
        reasons=_counted(deliveries),
        bad_features=sum(delivery.bad.total() for delivery in features),
        quarantine_keys=tuple(services.lake.quarantine_key(model.name, one.file) for one in deliveries if one.in_quarantine),
        labels=labels,
        unmatched=unmatched,
        first_unmatched=first_unmatched,
        summary=summary,
    )


def _labels(services: Services, model: Model, deliveries: list[_Delivery]) -> tuple[int, int, str]:
    """How many labels went on, how many of them belong to no row that was ever delivered, and the first key of these."""
    count, unmatched, first = 0, 0, ""
    for delivery in deliveries:
        if delivery.file.stream == "labels":
            for labels in _good_rows(services, model, delivery):
                alone = services.lake.unmatched(model, labels)
                count, unmatched = count + len(labels), unmatched + len(alone)
                first = first or (_key_of(model, alone) if len(alone) else "")
    return count, unmatched, first


def _key_of(model: Model, rows: pd.DataFrame) -> str:
    return one_line(", ".join(str(rows.iloc[0][name]) for name in model.feed.key), 100)


# Reading


def _read(services: Services, model: Model, batch: Batch) -> tuple[list[_Delivery], dict[LandedFile, UnreadableFile]]:
    """What is in the files of a batch, and those that cannot be read."""
    deliveries, unreadable, kept = list[_Delivery](), dict[LandedFile, UnreadableFile](), 0
    for file in batch.files:
        keep = file.size <= LARGE and kept + file.size <= _KEPT
        kept += file.size if keep else 0
        try:
            deliveries.append(_counted_through(services, model, _Delivery(file, [] if keep else None)))
        except UnreadableFile as error:
            unreadable[file] = error
    return deliveries, unreadable


def _counted_through(services: Services, model: Model, delivery: _Delivery) -> _Delivery:
    """The delivery with all that can be known of it before anything of it is published."""
    keys = []
    for piece in _pieces(services, model, delivery.file):
        delivery.count(model, piece)
        if delivery.pieces is not None:
            delivery.pieces.append(piece)
        if delivery.file.size > LARGE:
            keys.append(digests(piece.rows.good, model.feed.key))
    _refuse_absent_columns(model, delivery)
    delivery.replaced = replaced_later(keys)
    if replaced := int(delivery.replaced.sum()):
        delivery.good, delivery.in_quarantine = delivery.good - replaced, delivery.in_quarantine + replaced
        delivery.reasons[replaced_reason(model.feed.key)] += replaced
    return delivery


def _pieces(services: Services, model: Model, file: LandedFile) -> Iterator[_Piece]:
    columns = _columns(model, file)
    contract = RowContract.of(model, columns, file.landed_at)
    for delivered in services.landing.pieces(file):
        table = delivered.table
        absent = missing_columns(table, contract)
        if absent and not _may_leave_out(file):
            raise _lacks(model, file, absent, table.columns)
        table = table.assign(**{name: pd.Series(None, index=table.index, dtype="str") for name in absent})
        broken = {row: why.reason for row, why in delivered.broken.items()}
        yield _Piece(delivered, sort_rows(table, contract, broken))


def _may_leave_out(file: LandedFile) -> bool:
    """A writer of JSON lines leaves out what is null, and a file without readable rows has no columns at all."""
    return ".jsonl" in file.key


def _refuse_absent_columns(model: Model, delivery: _Delivery) -> None:
    optional = {column.name for column in _columns(model, delivery.file) if column.optional}
    contract = RowContract.of(model, _columns(model, delivery.file))
    absent = [name for name in contract.names if name not in delivery.columns | optional]
    if absent and delivery.delivered > delivery.broken:
        raise _lacks(model, delivery.file, absent, sorted(delivery.columns))


def _lacks(model: Model, file: LandedFile, absent: list[str], columns: Iterable[str]) -> BrokenFeed:
    return BrokenFeed(
        f"landing file {file.key} lacks the columns {', '.join(absent)}; it has {of_data(', '.join(columns))}. "
        f"Deliver it again under the same name, or change include/models/{model.name}.py."
    )


def _columns(model: Model, file: LandedFile) -> tuple[Column, ...]:
    return model.delivered if file.stream == "features" else (model.label,)


def _unreadable(errors: list[UnreadableFile], others: int) -> UnreadableFile:
    more = f" So it is with {len(errors) - 1} more of the batch." if len(errors) > 1 else ""
    went_on = f"The {others} other files of the batch went on." if others else "There was no other file in the batch."
    return UnreadableFile(f"{errors[0]}{more} {went_on} A file that is delivered again is read by the next run.")


# Writing


def _publish(services: Services, model: Model, delivery: _Delivery, known: datetime) -> None:
    """Quarantine and curated rows of a file, in one pass through its pieces, then its intake record."""
    lake, file = services.lake, delivery.file
    with lake.quarantine(model.name, file) as put_aside:
        periods = lake.publish(model, file, _good_rows(services, model, delivery, put_aside), known)
    reasons = dict(delivery.reasons.most_common())
    lake.finish_file(model.name, Intake(file=file, rows=delivery.good, reasons=reasons, periods=periods, known=known))


def _quarantine(services: Services, model: Model, delivery: _Delivery) -> None:
    if delivery.in_quarantine:
        with services.lake.quarantine(model.name, delivery.file) as put_aside:
            for _ in _good_rows(services, model, delivery, put_aside):
                pass


PutAside = Callable[[Sequence[QuarantinedRow]], None]


def _good_rows(
    services: Services, model: Model, delivery: _Delivery, put_aside: PutAside | None = None
) -> Iterator[pd.DataFrame]:
    """The rows that go on, piece by piece; the others are put aside on the way."""
    pieces = _pieces(services, model, delivery.file) if delivery.pieces is None else delivery.pieces
    begun = 0
    for piece in pieces:
        good = piece.rows.good
        replaced = delivery.replaced[begun : begun + len(good)]
        begun += len(good)
        reasons = dict(piece.rows.reasons)
        if replaced.any():
            reasons |= {row: [replaced_reason(model.feed.key)] for row in piece.rows.numbers[replaced].tolist()}
            good = good[~replaced].reset_index(drop=True)
        if put_aside and reasons:
            put_aside(_quarantined(delivery.file, piece.delivered, reasons))
        yield good


def _quarantined(file: LandedFile, delivered: FileRows, reasons: dict[int, list[str]]) -> list[QuarantinedRow]:
    bad = delivered.table.loc[sorted(reasons)].astype("object")
    bad = bad.where(bad.notna(), None)  # JSON has no value for NaN
    # By the index: a file of JSON lines of which none can be read has rows, and no columns.
    values, rows = bad.to_dict("index"), []
    for number in bad.index.tolist():
        broken = delivered.broken.get(number)
        known: dict[str, Any] = {"values": {}, "line": broken.text} if broken else {"values": values[number]}
        rows.append(QuarantinedRow(source=file.key, row=number + 1, reasons=reasons[number], **known))
    return rows


# Judging


def _broken_feed(model: Model, deliveries: list[_Delivery]) -> BrokenFeed | None:
    """By stream and period: one bad row of a small file breaks no feed, a bad period inside a long history does."""
    for stream in ("features", "labels"):
        of_stream = [delivery for delivery in deliveries if delivery.file.stream == stream]
        rows, bad = Counter[datetime](), Counter[datetime]()
        for delivery in of_stream:
            for period, count, wrong in delivery.by_period(model):
                rows[period] += count
                bad[period] += wrong
        for period in sorted(rows):
            if bad[period] / rows[period] > model.feed.max_bad_share:
                worst = max(of_stream, key=lambda delivery: delivery.bad.total())
                return BrokenFeed(
                    f"landing file {worst.file.key}: {bad[period]:,} of {rows[period]:,} rows of {stream} of "
                    f"{period:%Y-%m-%d} break the contract ({_in_words([worst])}); accepted is "
                    f"{model.feed.max_bad_share:.0%}. Ask upstream to deliver it again under the same name, or remove it."
                )
    return None


def _counted(deliveries: list[_Delivery]) -> dict[str, int]:
    """How many rows have each reason."""
    return dict(sum((delivery.reasons for delivery in deliveries), Counter[str]()).most_common())


def _in_words(deliveries: list[_Delivery]) -> str:
    counted = list(_counted(deliveries).items())
    more = f" and {len(counted) - 4} other reasons" if len(counted) > 4 else ""
    return "; ".join(f"{count:,} × {reason}" for reason, count in counted[:4]) + more
