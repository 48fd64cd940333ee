"""What a run shows on its page in Prefect: findings and decision card as markdown, the candidates as a table, links.

Text from outside is escaped where the cards are made; Prefect's page runs no HTML in markdown. What cannot be shown is logged,
and never fails a task.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

Values = Mapping[str, Any]
_log = logging.getLogger("include.artifacts")


def publish(step: str, model_name: str, result: Values, inputs: Values) -> None:
    """Show what a step led to, where there is something to show."""
    show = _SHOWN.get(step)
    try:
        if show:
            show(model_name, result, inputs)
    except Exception:  # noqa: BLE001 - the step is done, whatever can be shown of it
        _log.exception("what came of %s of %s could not be shown", step, model_name)


def _key(model_name: str, what: str) -> str:
    return f"{model_name}-{what}".replace("_", "-")


def _link(model_name: str, what: str, address: str | None, text: str) -> None:
    if address:
        create_link_artifact(address, link_text=text, key=_key(model_name, what), description=text)


def _findings(model_name: str, result: Values, inputs: Values) -> None:
    from include.reports.findings_card import findings_card
    from include.results import Drift, Finding, Quality

    drift, quality = Drift.model_validate(inputs["drift"]), Quality.model_validate(inputs["quality"])
    card = findings_card(model_name, Finding.model_validate(result), drift, quality)
    create_markdown_artifact(card, key=_key(model_name, "findings"), description=result["summary"])
    _link(model_name, "drift-report", drift.report_url, "Drift report")


def _candidates(model_name: str, result: Values, _: Values) -> None:
    pool = [{name: one[name] for name in ("name", "value", "ahead", "low", "high", "problem")} for one in result["pool"]]
    if pool:
        create_table_artifact(pool, key=_key(model_name, "candidates"), description=result["summary"])
    _link(model_name, "version", result["version_url"], f"Version {result['version']} in MLflow")


def _decision_card(model_name: str, result: Values, _: Values) -> None:
    from include.adapters.registry import card_path
    from include.results import Verdict
    from include.services import build_services

    verdict = Verdict.model_validate(result)
    if verdict.card_url and verdict.mlflow_run:
        card = build_services().registry.read_report(verdict.mlflow_run, card_path(verdict.evidence))
        create_markdown_artifact(card, key=_key(model_name, "decision-card"), description=verdict.summary)
        _link(model_name, "card-in-mlflow", verdict.card_url, "Decision card in MLflow")


def _replay(model_name: str, result: Values, _: Values) -> None:
    _link(model_name, "replay-report", result["report_url"], "Replay report")


_SHOWN: dict[str, Callable[[str, Values, Values], None]] = {
    "triage": _findings,
    "select": _candidates,
    "validate": _decision_card,
    "recommend": _replay,
}
