"""Erasing rows at a person's request: a list of keys, and every row with one of them is removed from the lake, for good.

Curated rows, predictions, quarantine and the samples that drift is judged by are rewritten without them; a snapshot that held
some gives the others from then on. What cannot be rewritten is found and named: files in landing, which belong to upstream,
and the example rows beside a version in MLflow. The ledger says how many rows were erased, by whom and why, and which versions
had been trained or judged on some; it holds no key. Safe to run again: what a dead process left is erased then.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from include.adapters.lake import BEGINNING, among
from include.adapters.landing import Landing
from include.champion.handover import Author, Subject, handover
from include.champion.withdrawal import mark_versions, versions_that_saw
from include.errors import ToolError, UnreadableFile
from include.layout import key_texts
from include.models.contract import Model
from include.results import Checked, Erased
from include.services import StepContext
from include.statuses import MonitorStatus
from include.untrusted_text import of_data, one_line

if TYPE_CHECKING:
    import pandas as pd


def erase(context: StepContext, keys: "pd.DataFrame") -> Erased:
    """Erase all rows with these keys, in the name of the request's user; what was removed, and what is left to be removed.

    Raises:
        ToolError: the list lacks a column of the key, or is empty.
    """
    services, model, request = context.services, context.model, context.request
    keys = _keys(model, keys)
    with handover(context, "erase") as begun:
        before = _features_of(context, keys)
        about = Erased(at=request.as_of, by=request.asked_by, reason=request.reason, keys=len(keys))
        record = services.lake.erase(model, keys, about)
        _forget_in_statuses(context, keys)
        snapshots = services.lake.snapshots_with(model.name, record.replaced.values())
        versions = tuple(one.number for one in versions_that_saw(services, model.name, snapshots))
        left = [*_in_landing(services.landing, model, keys), *_in_examples(context, versions, before)]
        record = record.model_copy(update={"versions": versions, "left": tuple(left)})
        services.lake.keep_erased(model.name, record)
        counts = {
            name: getattr(record, name) for name in ("keys", "rows", "predictions", "quarantined", "samples", "versions")
        }
        author = Author(request.asked_by, f"{in_words(record)}. {request.reason}")
        begun.write("erased", Subject(f"erased {request.run_id}", None), author, evidence=counts)
        why = f"by {one_line(request.asked_by, 100)}: {one_line(request.reason, 300)}"
        mark_versions(context, record.versions, f"Trained or judged on {record.rows:,} rows that were erased {why}")
    return record


def in_words(record: Erased) -> str:
    """What was removed, in one sentence."""
    seen = f"; versions that had seen some: {', '.join(record.versions)}" if record.versions else ""
    return (
        f"{record.keys:,} keys: {record.rows:,} curated rows, {record.predictions:,} predictions, {record.quarantined:,} rows "
        f"in quarantine and {record.samples:,} objects with samples are erased{seen}"
    )


def _keys(model: Model, keys: "pd.DataFrame") -> "pd.DataFrame":
    absent = [name for name in model.feed.key if name not in keys]
    if absent or keys.empty:
        raise ToolError(
            f"the list of keys lacks {', '.join(absent) or 'rows'}; it has the columns {of_data(', '.join(keys.columns))}. "
            f"Accepted is a csv, jsonl or parquet file with the key of {model.name}: {', '.join(model.feed.key)}."
        )
    return keys[list(model.feed.key)].dropna().drop_duplicates().astype("str")


def _features_of(context: StepContext, keys: "pd.DataFrame") -> "pd.DataFrame":
    """What the rows to be erased look like without their key, as an example beside a version shows them."""
    lake, model = context.services.lake, context.model
    rows = lake.rows(model, BEGINNING, model.later(context.request.as_of))
    return rows[among(model, rows, keys)][model.feature_names]


def _forget_in_statuses(context: StepContext, keys: "pd.DataFrame") -> None:
    """A status may name the first label that matched no row."""
    lake, name = context.services.lake, context.model.name
    named = {one_line(", ".join(key), 100) for key in key_texts(context.model, keys).itertuples(index=False, name=None)}
    for status in lake.statuses(name, MonitorStatus):
        if (key := status.checked.first_unmatched) in named:
            text = status.model_dump_json().replace(of_data(key), of_data("erased"))
            without = MonitorStatus.model_validate_json(text)
            lake.write_status(name, without.model_copy(update={"checked": _unnamed(without)}))


def _unnamed(status: MonitorStatus) -> Checked:
    return status.checked.model_copy(update={"first_unmatched": "erased"})


def _in_landing(landing: Landing, model: Model, keys: "pd.DataFrame") -> Iterator[str]:
    """Files that still hold such rows: they would bring them back, if they were taken in again."""
    for key in landing.keys(model.name):
        try:
            table = landing.read_any(key).table
        except UnreadableFile:
            yield f"{key} in landing cannot be read: look into it yourself"
            continue
        if set(keys) <= set(table) and among(model, table, keys).any():
            yield f"{key} in landing: remove it, or let it be delivered without them"


def _in_examples(context: StepContext, versions: Sequence[str], features: "pd.DataFrame") -> Iterator[str]:
    registry, name = context.services.registry, context.model.name
    for number in versions:
        shown = registry.example(name, number)
        columns = [column for column in features if column in shown]
        if len(shown.astype("str")[columns].merge(features.astype("str")[columns])):
            yield f"the example rows beside version {number} in MLflow: delete the version there, once it is not needed"
