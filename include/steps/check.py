"""Check: sort every delivered row against the contract; good rows go on, bad rows go to quarantine with their reasons.

In: a batch. Out: counts. Writes quarantine first, then curated rows, and the intake record of a file last.
Stops when a file cannot be read, lacks a column, or when too large a share of the rows is bad: then nothing of the
batch goes on.
Safe to run again: curated files are named by their content, quarantine files by their delivery.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd

from include.decisions.data.row_contract import Sorted, missing_columns, sort_rows
from include.errors import BrokenFeed
from include.models.contract import Column, Model
from include.results import Batch, Checked, Intake, LandedFile, QuarantinedRow
from include.services import Services, StepContext
from include.untrusted_text import of_data

IF_IT_FAILS = (
    "The champion is unchanged, and the next run finds the files that are not done. If a file is at fault, no row of this "
    "batch went on; bad rows that are counted here are in quarantine with their reasons."
)


@dataclass(frozen=True)
class _Delivery:
    file: LandedFile
    delivered: pd.DataFrame
    rows: Sorted


def run(context: StepContext, batch: Batch) -> Checked:
    """Sort the rows of a batch and publish the good ones.

    Raises:
        UnreadableFile: a file is not what its name says.
        BrokenFeed: a column is absent, or more than `feed.max_bad_share` of the rows of one stream are bad.
    """
    services, model = context.services, context.model
    deliveries = [_sort(services, model, file) for file in batch.files]
    kept = [_quarantine(services, model, delivery) for delivery in deliveries if delivery.rows.reasons]
    _stop_if_broken(model, deliveries)
    for delivery in deliveries:
        services.lake.publish(model, delivery.file, delivery.rows.good)
        intake = Intake(file=delivery.file, rows=len(delivery.rows.good), reasons=_counted([delivery]))
        services.lake.finish_file(model.name, intake)
    features = [delivery for delivery in deliveries if delivery.file.stream == "features"]
    rows, bad = sum(len(d.rows.good) for d in features), sum(len(d.rows.reasons) for d in deliveries)
    bad_features = sum(len(d.rows.reasons) for d in features)
    return Checked(
        rows=rows,
        quarantined=bad,
        reasons=_counted(deliveries),
        bad_features=bad_features,
        quarantine_keys=tuple(kept),
        summary=f"{rows:,} rows went on, {bad:,} are in quarantine" + (f": {_in_words(deliveries)}" if bad else ""),
    )


def _sort(services: Services, model: Model, file: LandedFile) -> _Delivery:
    delivered = services.landing.read(file).reset_index(drop=True)
    columns = _columns(model, file)
    absent = missing_columns(delivered, model.feed.key, model.feed.time, columns)
    if ".jsonl" in file.key:
        # A writer of JSON lines leaves out what is null, and a file without rows has no columns at all.
        optional = {column.name for column in columns if column.optional}
        left_out = [name for name in absent if delivered.empty or name in optional]
        delivered = delivered.reindex(columns=[*delivered.columns, *left_out])
        absent = [name for name in absent if name not in left_out]
    if absent:
        raise BrokenFeed(
            f"landing file {file.key} lacks the columns {', '.join(absent)}; it has "
            f"{of_data(', '.join(map(str, delivered.columns)))}. "
            f"Deliver it again under the same name, or change include/models/{model.name}.py."
        )
    return _Delivery(file, delivered, sort_rows(delivered, model.feed.key, model.feed.time, columns))


def _columns(model: Model, file: LandedFile) -> tuple[Column, ...]:
    return model.features if file.stream == "features" else (model.label,)


def _quarantine(services: Services, model: Model, delivery: _Delivery) -> str:
    bad = delivery.delivered.loc[list(delivery.rows.reasons)].astype("object")
    bad = bad.where(bad.notna(), None)  # JSON has no value for NaN
    rows = [
        QuarantinedRow(
            source=delivery.file.key, row=int(number) + 1, reasons=delivery.rows.reasons[int(number)], values=values
        )
        for number, values in zip(bad.index, _records(bad), strict=True)
    ]
    return services.lake.quarantine(model.name, delivery.file, rows)


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as plain values by column name."""
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def _stop_if_broken(model: Model, deliveries: list[_Delivery]) -> None:
    for delivery in deliveries:
        bad, total = len(delivery.rows.reasons), len(delivery.delivered)
        if total and bad / total > model.feed.max_bad_share:
            raise BrokenFeed(
                f"landing file {delivery.file.key}: {bad:,} of {total:,} rows break the contract ({_in_words([delivery])}); "
                f"accepted is {model.feed.max_bad_share:.0%}. Ask upstream to deliver it again under the same name, "
                "or remove it."
            )


def _counted(deliveries: list[_Delivery]) -> dict[str, int]:
    reasons = (reason for delivery in deliveries for row in delivery.rows.reasons.values() for reason in row)
    return dict(Counter(reasons).most_common())


def _in_words(deliveries: list[_Delivery]) -> str:
    counted = list(_counted(deliveries).items())
    more = f" and {len(counted) - 4} other reasons" if len(counted) > 4 else ""
    return "; ".join(f"{count:,} × {reason}" for reason, count in counted[:4]) + more
