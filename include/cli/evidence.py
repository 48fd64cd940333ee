"""What a reviewer of model risk asks about one version: a page to print and the same as JSON, from what is on record."""

import json
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from include.adapters.registry import EVIDENCE, REFRESHES, Version, card_path
from include.cli.connection import connect
from include.errors import AccessDenied, CorruptObject, ProvingGroundError, ToolError
from include.ledger.entries import Entry, terms
from include.models import find_model
from include.models.contract import Model
from include.reports.evidence_pack import EvidencePack, OnRecord, evidence_pack
from include.reports.ml_test_score import ScoreInputs, ml_test_score
from include.reports.pages import PICTURE, from_markdown, render
from include.results import Manifest
from include.services import Services
from include.statuses import MonitorStatus, RetrainStatus


@click.command("evidence")
@click.argument("model")
@click.argument("version", required=False)
@click.option("--folder", default=".", show_default=True, help="Where the two files are written.")
def command(model: str, version: str | None, folder: str) -> None:
    """Write what a reviewer of model risk asks: a page and JSON.

    It is about one version, by default the champion.

    \b
    Example:
      python -m include.cli evidence flight_delays 3 --folder ~/review
    """
    services, found = connect(), find_model(model)
    number = version or _champion(services, found)
    pack, card = gathered(services, found, number, datetime.now(UTC))
    name = Path(folder) / f"evidence-{found.name}-v{number}"
    name.parent.mkdir(parents=True, exist_ok=True)
    name.with_suffix(".html").write_text(page(pack, card), encoding="utf-8")
    name.with_suffix(".json").write_text(pack.model_dump_json(indent=2), encoding="utf-8")
    click.echo(f"{name}.html and .json are written. Missing: {len(pack.missing)}")
    for line in pack.missing:
        click.echo(f"  {line}")


def _champion(services: Services, model: Model) -> str:
    champion = services.ledger.state(model.name).champion
    if champion is None:
        raise ToolError(f"{model.name} has no champion. Name a version, such as `evidence {model.name} 1`.")
    return champion


def gathered(services: Services, model: Model, number: str, now: datetime) -> tuple[EvidencePack, dict[str, Any]]:
    """The pack, and what its page shows beside it: the decision card and its picture."""
    version, entries = services.registry.version(model.name, number), services.ledger.proved(model.name)
    # What learned the hold-out's rows too was validated under another number.
    validated = services.registry.version(model.name, version.tags.get(REFRESHES, number))
    judged = _judged(services, model, validated.number)
    manifests, changed = _manifests(services, model, version)
    known = OnRecord(
        model=model,
        version=number,
        tags=version.tags,
        judged=validated.tags,
        created=version.created,
        entries=entries,
        score=ml_test_score(model, _score_inputs(services, model, judged, entries)),
        refreshes=version.tags.get(REFRESHES, ""),
        compared_with=(judged.verdict.champion_version or "") if judged else "",
        checks=_checks(services, model, number, entries),
        manifests=manifests,
        scorecard=json.loads(_report(services, validated, "scorecard.json") or "{}"),
        changed=changed,
    )
    path = card_path(validated.tags[EVIDENCE]) if EVIDENCE in validated.tags else "decision_card.md"
    return evidence_pack(known, now), {"card": _report(services, validated, path), "picture": _picture(services, validated)}


def page(pack: EvidencePack, beside: dict[str, Any]) -> str:
    """The page, which stands alone."""
    picture = beside["picture"]
    card = from_markdown(beside["card"], lambda: picture) if beside["card"] else ""
    return render("evidence.html", pack=pack, card=card)


def _judged(services: Services, model: Model, number: str) -> RetrainStatus | None:
    statuses = services.lake.statuses(model.name, RetrainStatus)
    return next((one for one in reversed(statuses) if one.verdict.version == number), None)


def _score_inputs(services: Services, model: Model, judged: RetrainStatus | None, entries: Sequence[Entry]) -> ScoreInputs:
    checks = services.lake.statuses(model.name, MonitorStatus, 1)
    return ScoreInputs.of(
        judged.verdict if judged else None,
        checks[-1] if checks else None,
        replayed=services.lake.was_replayed(model.name),
        events=entries[-1].after.events if entries else {},
        commit=services.settings.git_commit,
    )


def _checks(services: Services, model: Model, number: str, entries: Sequence[Entry]) -> list[MonitorStatus]:
    """The checks that were made of this version as champion."""
    if all(term.version != number for term in terms(entries)):
        return []
    checks = services.lake.statuses(model.name, MonitorStatus)
    return [check for check in checks if check.scored.champion and check.scored.champion.version == number]


def _manifests(services: Services, model: Model, version: Version) -> tuple[dict[str, Manifest], list[str]]:
    """The lists that are there by their names, and what is wrong with those that were changed."""
    found, changed = {}, []
    for name, tag in (("training", "train_digest"), ("hold-out", "holdout")):
        try:
            found[name] = services.lake.manifest(model.name, version.tag(tag))
        except CorruptObject as error:
            changed.append(f"the list of the files of its {name} rows was changed: {error}")
        except ProvingGroundError as error:
            _only_absent(error)
    return found, changed


def _report(services: Services, version: Version, path: str) -> str:
    try:
        return services.registry.read_report(version.run_id, path)
    except ProvingGroundError as error:
        _only_absent(error)
        return ""


def _picture(services: Services, version: Version) -> str:
    try:
        return f"data:image/png;base64,{b64encode(services.registry.read_picture(version.run_id, PICTURE)).decode()}"
    except ProvingGroundError as error:
        _only_absent(error)
        return ""


def _only_absent(error: ProvingGroundError) -> None:
    """What is not there is named as missing; a server that does not answer is no finding about the model."""
    if error.transient or isinstance(error, AccessDenied):
        raise error
