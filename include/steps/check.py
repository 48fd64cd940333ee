"""Check: sort every delivered row against the contract; good rows go on, bad rows go to quarantine with their reasons.

In: a batch. Out: counts. Writes quarantine first, then which files it takes in, so that the next run counts them if this one
ends before triage; then curated rows, and the intake record of a file last.
Stops when a file lacks a column, or when too large a share of a period's rows is bad: then nothing of the batch goes on.
A file that cannot be read is recorded as done and named by the error that ends the task; the other files go on.
Safe to run again: curated files are named by their content, quarantine files by their delivery.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd

from include.adapters.file_reader import FileRows
from include.decisions.data.labels import unmatched_in_words
from include.decisions.data.row_contract import RowContract, Sorted, missing_columns, sort_rows
from include.errors import BrokenFeed, UnreadableFile
from include.models.contract import Column, Model
from include.results import Batch, Checked, Intake, LandedFile, QuarantinedRow, TakenIn
from include.services import Services, StepContext
from include.untrusted_text import of_data, one_line

IF_IT_FAILS = (
    "The champion is unchanged, and the next run finds the files that are not done. If rows or columns are at fault, no row "
    "of this batch went on; bad rows that are counted here are in quarantine with their reasons. If a file cannot be read, "
    "the other files of the batch went on."
)
_ITS_NUMBER = re.compile(r"^(line|row) \d+: ")


@dataclass(frozen=True)
class _Delivery:
    file: LandedFile
    delivered: FileRows
    rows: Sorted

    @property
    def bad(self) -> list[int]:
        """The rows that broke the contract; one that a later row of the file replaces did not."""
        return [row for row in self.rows.reasons if row not in self.rows.replaced]


def run(context: StepContext, batch: Batch) -> Checked:
    """Sort the rows of a batch and publish the good ones.

    Raises:
        UnreadableFile: a file is not what its name says; the others went on.
        BrokenFeed: a column is absent, or more than `feed.max_bad_share` of the rows of a stream and period are bad.
    """
    services, model = context.services, context.model
    deliveries, unreadable = _read(services, model, batch)
    kept = [_quarantine(services, model, delivery) for delivery in deliveries if delivery.rows.reasons]
    _stop_if_broken(model, deliveries)
    if deliveries:
        # Without those that cannot be read: the next run goes on without them.
        taken_in = TakenIn(as_of=context.request.as_of, files=tuple(delivery.file for delivery in deliveries))
        services.lake.keep_taken_in(model.name, taken_in)
    for delivery in deliveries:
        good, file = delivery.rows.good, delivery.file
        periods = services.lake.publish(model, file, good)
        intake = Intake(file=file, rows=len(good), reasons=_counted([delivery]), periods=periods)
        services.lake.finish_file(model.name, intake)
    for file in unreadable:
        services.lake.finish_file(model.name, Intake(file=file, rows=0, reasons={"the file cannot be read": 1}))
    if unreadable:
        raise _unreadable(list(unreadable.values()), len(deliveries))
    features = [delivery for delivery in deliveries if delivery.file.stream == "features"]
    rows, bad = sum(len(d.rows.good) for d in features), sum(len(d.rows.reasons) for d in deliveries)
    labels, unmatched = _labels(services, model, deliveries)
    first_unmatched = _key_of(model, unmatched) if len(unmatched) else ""
    summary = f"{rows:,} rows went on, {bad:,} are in quarantine" + (f": {_in_words(deliveries)}" if bad else "")
    if deliveries and not any(len(delivery.delivered.table) for delivery in deliveries):
        summary = f"{len(deliveries)} files, no rows" if len(deliveries) > 1 else "one file, no rows"
    if len(unmatched):
        summary += f"; {unmatched_in_words(labels, len(unmatched), first_unmatched)}"
    return Checked(
        rows=rows,
        quarantined=bad,
        reasons=_counted(deliveries),
        bad_features=sum(len(d.bad) for d in features),
        quarantine_keys=tuple(kept),
        labels=labels,
        unmatched=len(unmatched),
        first_unmatched=first_unmatched,
        summary=summary,
    )


def _labels(services: Services, model: Model, deliveries: list[_Delivery]) -> tuple[int, pd.DataFrame]:
    """How many labels went on, and those of them that belong to no row that was ever delivered."""
    labels = [delivery.rows.good for delivery in deliveries if delivery.file.stream == "labels"]
    if not labels:
        return 0, pd.DataFrame()
    whole = pd.concat(labels, ignore_index=True)
    return len(whole), services.lake.unmatched(model, whole)


def _key_of(model: Model, rows: pd.DataFrame) -> str:
    return one_line(", ".join(str(rows.iloc[0][name]) for name in model.feed.key), 100)


def _read(services: Services, model: Model, batch: Batch) -> tuple[list[_Delivery], dict[LandedFile, UnreadableFile]]:
    """The files of a batch, sorted, and those that cannot be read."""
    deliveries, unreadable = [], {}
    for file in batch.files:
        try:
            deliveries.append(_sort(services, model, file))
        except UnreadableFile as error:
            unreadable[file] = error
    return deliveries, unreadable


def _unreadable(errors: list[UnreadableFile], others: int) -> UnreadableFile:
    more = f" So it is with {len(errors) - 1} more of the batch." if len(errors) > 1 else ""
    went_on = f"The {others} other files of the batch went on." if others else "There was no other file in the batch."
    return UnreadableFile(f"{errors[0]}{more} {went_on} A file that is delivered again is read by the next run.")


def _sort(services: Services, model: Model, file: LandedFile) -> _Delivery:
    delivered = services.landing.read(file)
    table, columns = delivered.table, _columns(model, file)
    contract = RowContract.of(model, columns, file.landed_at)
    absent = missing_columns(table, contract)
    if ".jsonl" in file.key:
        # A writer of JSON lines leaves out what is null, and a file without readable rows has no columns at all.
        optional = {column.name for column in columns if column.optional}
        no_rows = len(delivered.broken) == len(table)
        left_out = [name for name in absent if no_rows or name in optional]
        table = table.assign(**{name: pd.Series(None, index=table.index, dtype="str") for name in left_out})
        absent = [name for name in absent if name not in left_out]
    if absent:
        raise BrokenFeed(
            f"landing file {file.key} lacks the columns {', '.join(absent)}; it has {of_data(', '.join(table.columns))}. "
            f"Deliver it again under the same name, or change include/models/{model.name}.py."
        )
    broken = {row: why.reason for row, why in delivered.broken.items()}
    return _Delivery(file, delivered, sort_rows(table, contract, broken))


def _columns(model: Model, file: LandedFile) -> tuple[Column, ...]:
    return model.features if file.stream == "features" else (model.label,)


def _quarantine(services: Services, model: Model, delivery: _Delivery) -> str:
    reasons, broken = delivery.rows.reasons, delivery.delivered.broken
    bad = delivery.delivered.table.loc[sorted(reasons)].astype("object")
    bad = bad.where(bad.notna(), None)  # JSON has no value for NaN
    # By the index: a file of JSON lines of which none can be read has rows, and no columns.
    values, rows = bad.to_dict("index"), []
    for number in bad.index.tolist():
        known: dict[str, Any] = {"values": {}, "line": broken[number].text} if number in broken else {"values": values[number]}
        rows.append(QuarantinedRow(source=delivery.file.key, row=number + 1, reasons=reasons[number], **known))
    return services.lake.quarantine(model.name, delivery.file, rows)


def _stop_if_broken(model: Model, deliveries: list[_Delivery]) -> None:
    """By stream and period: one bad row of a small file breaks no feed, a bad period inside a long history does."""
    for stream in ("features", "labels"):
        of_stream = [delivery for delivery in deliveries if delivery.file.stream == stream and len(delivery.rows.times)]
        if not of_stream:
            continue
        counts = pd.concat([_by_period(model, delivery) for delivery in of_stream])
        for period, there in counts.groupby("period"):
            bad, total = int(there["bad"].sum()), len(there)
            if bad / total > model.feed.max_bad_share:
                worst = max(of_stream, key=lambda delivery: len(delivery.bad))
                raise BrokenFeed(
                    f"landing file {worst.file.key}: {bad:,} of {total:,} rows of {stream} of {period:%Y-%m-%d} break the "
                    f"contract ({_in_words([worst])}); accepted is {model.feed.max_bad_share:.0%}. Ask upstream to deliver it "
                    "again under the same name, or remove it."
                )


def _by_period(model: Model, delivery: _Delivery) -> pd.DataFrame:
    """For each row its period and whether it is bad; a row without a time counts where most rows of its file do."""
    periods = model.periods_of(delivery.rows.times.dropna())
    usual = periods.mode().iloc[0] if len(periods) else model.period_of(delivery.file.landed_at)
    table = pd.DataFrame({"period": periods.reindex(delivery.rows.times.index).fillna(usual), "bad": False})
    table.loc[delivery.bad, "bad"] = True
    return table


def _counted(deliveries: list[_Delivery]) -> dict[str, int]:
    """How many rows have each reason; the number of a line, which the quarantine has, would make each one another."""
    reasons = (reason for delivery in deliveries for row in delivery.rows.reasons.values() for reason in row)
    return dict(Counter(_ITS_NUMBER.sub("", reason) for reason in reasons).most_common())


def _in_words(deliveries: list[_Delivery]) -> str:
    counted = list(_counted(deliveries).items())
    more = f" and {len(counted) - 4} other reasons" if len(counted) > 4 else ""
    return "; ".join(f"{count:,} × {reason}" for reason, count in counted[:4]) + more
