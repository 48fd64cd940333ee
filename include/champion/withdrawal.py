"""Withdrawing a delivery: its rows leave training, hold-outs, predictions and quality from the next run on.

A withdrawal is the last word under the name of its file, as an empty delivery would be; a later delivery under that name
counts again. The file itself is put aside in landing, below `<model>/_withdrawn/`. Snapshots that hold its rows stay as they
are, so what was decided can be reproduced: the ledger names them, and the versions that were trained or judged on them say so
on their cards. Safe to run again: what a dead process left undone is done then, the ledger has one entry, and what was
delivered under the name since the run first withdrew it stays.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from include.adapters.lake import file_id
from include.adapters.object_store import ObjectStore
from include.adapters.registry import DESCRIPTION_LIMIT, EVIDENCE, WITHDRAWN_ROWS, Version, card_path
from include.champion.handover import Author, Subject, handover
from include.decisions.data.row_contract import RowContract, sort_rows
from include.decisions.gate.review import with_section
from include.errors import RegistryError, ToolError
from include.models.contract import Model
from include.results import Intake, LandedFile
from include.services import Services, StepContext
from include.untrusted_text import one_line, plain

if TYPE_CHECKING:
    import pandas as pd

_TRAINED_ON, _JUDGED_ON = "train_digest", "holdout_digest"
_LONGEST, _LONGEST_TAG = 500, 4000
_NEWEST_CARD = "decision_card.md"


@dataclass(frozen=True)
class Withdrawal:
    """What a withdrawal is about: the rows of one file in landing, and the snapshots and versions that have seen some."""

    key: str
    rows: int
    snapshots: tuple[str, ...]
    trained: tuple[str, ...]
    judged: tuple[str, ...]

    def in_words(self) -> str:
        """One sentence."""
        seen = [f"trained on them: {_listed(self.trained)}"] if self.trained else []
        seen += [f"judged on them: {_listed(self.judged)}"] if self.judged else []
        return f"{self.rows:,} rows of {self.key} are withdrawn" + (f"; {'; '.join(seen)}" if seen else "")


def withdraw(context: StepContext, key: str, landing: ObjectStore | None = None) -> Withdrawal:
    """Withdraw one file of landing, in the name of the request's user and for its reason.

    With `landing` it is put aside there; the pipeline's own keys may not, and leave it where it is, done with.

    Raises:
        ToolError: no run has taken this file in, and it is not in landing.
    """
    services, model, request = context.services, context.model, context.request
    if done := _done_by_this_run(context, key):
        _mark_all(context, done)
        return done
    taken = services.lake.intakes(model.name, key)
    lying = next((file for file in services.landing.files(model.name) if file.key == key), None)
    if not taken and lying is None:
        raise ToolError(f"{key!r} is not in landing, and no run of {model.name}.monitor has taken in a file of that name.")
    delivered = [intake for intake in taken if not intake.withdrawn]
    landed = [intake.file.landed_at for intake in delivered] + ([lying.landed_at] if lying else [])
    # About the present, whatever time the run is about: it follows the newest delivery under that name.
    at = max([request.as_of, *(moment + timedelta.resolution for moment in landed)])
    with handover(context, "withdraw") as begun:
        take_back(context, key, landing, at)
        found = _found(context, key, delivered)
        about = Subject(f"withdrawn {key} {delivered[-1].file.etag if delivered else ''}", None)
        evidence = {"rows": found.rows, "snapshots": found.snapshots, "trained": found.trained, "judged": found.judged}
        begun.write("withdrawn", about, Author(request.asked_by, f"{found.in_words()}. {request.reason}"), evidence=evidence)
        _mark_all(context, found)
    return found


def _done_by_this_run(context: StepContext, key: str) -> Withdrawal | None:
    """What an earlier try of this run withdrew; None where it is the first."""
    request, about = context.request, f"withdrawn {key}"
    entry = context.services.ledger.newest_where(
        context.model.name,
        # The etag at the end of the entry's key has no space.
        lambda one: (one.event, one.run_id, one.key.rpartition(" ")[0]) == ("withdrawn", request.run_id, about),
    )
    if entry is None:
        return None
    seen = {name: tuple(entry.evidence[name]) for name in ("snapshots", "trained", "judged")}
    return Withdrawal(key, entry.evidence["rows"], **seen)


def _mark_all(context: StepContext, found: Withdrawal) -> None:
    mark_versions(context, found.trained, f"Trained on rows that were withdrawn: {found.key}, {_why(context)}")
    mark_versions(context, found.judged, f"Judged on rows that were withdrawn: {found.key}, {_why(context)}")


def _why(context: StepContext) -> str:
    return f"by {one_line(context.request.asked_by, 100)}: {one_line(context.request.reason, 300)}"


def take_back(context: StepContext, key: str, landing: ObjectStore | None, at: datetime) -> None:
    """Put a file aside, or be done with it where it lies; a delivery of nothing, landed at a time, follows under its name."""
    lake, model, why = context.services.lake, context.model, _why(context)
    # A run that died after it took the file in left it to be counted: the next one would take it in once more.
    lake.count_no_more(model.name, key)
    if landing is None:
        done = lake.finished_files(model.name)
        for file in context.services.landing.files(model.name):
            if file.key == key and file_id(file) not in done:
                lake.finish_file(model.name, Intake(file=file, rows=0, reasons={}, withdrawn=why))
    elif landing.stat(key) is not None:
        landing.put(f"{model.name}/_withdrawn/{key.removeprefix(f'{model.name}/')}", landing.read(key))
        landing.delete(key)
    nothing = LandedFile(key=key, etag="withdrawn", stream=_stream(key), landed_at=at)
    lake.publish(model, nothing, [_no_rows(model, nothing.stream)], known=None)
    lake.finish_file(model.name, Intake(file=nothing, rows=0, reasons={}, withdrawn=why))


def versions_that_saw(services: Services, model_name: str, snapshots: Collection[str]) -> list[Version]:
    """The versions that were trained or judged on any of these snapshots."""
    versions = services.registry.all_versions(model_name)
    return [one for one in versions if {one.tags.get(_TRAINED_ON), one.tags.get(_JUDGED_ON)} & set(snapshots)]


def mark_versions(context: StepContext, numbers: Sequence[str], words: str) -> None:
    """Say something on the page and on the newest card of some versions, once."""
    registry, name = context.services.registry, context.model.name
    for number in numbers:
        version = registry.version(name, number)
        marked, line = version.tags.get(WITHDRAWN_ROWS, ""), one_line(words, _LONGEST)
        if line not in marked:
            registry.annotate(name, number, {WITHDRAWN_ROWS: f"{marked}; {line}"[-_LONGEST_TAG:] if marked else line})
        _mark_card(context, version, f"> **{plain(line)}**\n\n")


def _mark_card(context: StepContext, version: Version, mark: str) -> None:
    registry = context.services.registry
    evidence = version.tags.get(EVIDENCE, "")
    for path in [_NEWEST_CARD, *([card_path(evidence)] if evidence else [])]:
        try:
            card = registry.read_report(version.run_id, path)
        except RegistryError as error:
            if error.transient:
                raise
            continue  # It was never judged, so it has no card.
        if mark not in card:
            registry.log_report(version.run_id, path, mark + card)
            description = with_section(mark.strip(), card, DESCRIPTION_LIMIT)
            registry.annotate(version.model_name, version.number, {}, description)


def _found(context: StepContext, key: str, delivered: Sequence[Intake]) -> Withdrawal:
    services, name = context.services, context.model.name
    snapshots = services.lake.snapshots_with(name, services.lake.curated_from(name, key))
    versions = versions_that_saw(services, name, snapshots)
    trained = tuple(one.number for one in versions if one.tags.get(_TRAINED_ON) in snapshots)
    judged = tuple(one.number for one in versions if one.number not in trained)
    return Withdrawal(key, delivered[-1].rows if delivered else 0, tuple(sorted(snapshots)), trained, judged)


def _stream(key: str) -> Literal["features", "labels"]:
    return "labels" if key.split("/")[1] == "labels" else "features"


def _no_rows(model: Model, stream: str) -> "pd.DataFrame":
    """What an empty delivery leads to: every column, of its type."""
    import pandas as pd

    columns = model.delivered if stream == "features" else (model.label,)
    contract = RowContract.of(model, columns)
    return sort_rows(pd.DataFrame({name: pd.Series(dtype="str") for name in contract.names}), contract).good


def _listed(versions: Sequence[str]) -> str:
    return f"version{'s' * (len(versions) > 1)} {', '.join(versions)}"
