"""What a run shows on its page: findings and decision card as markdown, the candidates as a table, links.

Text from outside is escaped where the cards are made. What cannot be shown is logged, and never fails a step.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flows.prefect_tasks.step_process import Shown

Values = Mapping[str, Any]
_log = logging.getLogger("include.shown")


def shown_after(step: str, model_name: str, result: Values, inputs: Values) -> tuple[Shown, ...]:
    """What there is to show of a step's result."""
    show = _SHOWN.get(step)
    try:
        return tuple(show(model_name, result, inputs)) if show else ()
    except Exception:  # noqa: BLE001 - the step is done, whatever can be shown of it
        _log.exception("what came of %s of %s could not be shown", step, model_name)
        return ()


def _findings(model_name: str, result: Values, inputs: Values) -> Iterator[Shown]:
    from include.reports.findings_card import findings_card
    from include.results import Drift, Finding, Quality

    drift, quality = Drift.model_validate(inputs["drift"]), Quality.model_validate(inputs["quality"])
    card = findings_card(model_name, Finding.model_validate(result), drift, quality)
    yield Shown("markdown", "findings", card, result["summary"])
    yield from _link("drift-report", drift.report_url, "Drift report")


def _candidates(_model: str, result: Values, _: Values) -> Iterator[Shown]:
    pool = [{name: one[name] for name in ("name", "value", "ahead", "low", "high", "problem")} for one in result["pool"]]
    if pool:
        yield Shown("table", "candidates", pool, result["summary"])
    yield from _link("version", result["version_url"], f"Version {result['version']} in MLflow")


def _decision_card(_model: str, result: Values, _: Values) -> Iterator[Shown]:
    from include.adapters.registry import card_path
    from include.results import Verdict
    from include.services import build_services

    verdict = Verdict.model_validate(result)
    if verdict.card_url and verdict.mlflow_run:
        card = build_services().registry.read_report(verdict.mlflow_run, card_path(verdict.evidence))
        yield Shown("markdown", "decision-card", card, verdict.summary)
        yield from _link("card-in-mlflow", verdict.card_url, "Decision card in MLflow")


def _replay(_model: str, result: Values, _: Values) -> Iterator[Shown]:
    yield from _link("replay-report", result["report_url"], "Replay report")


def _link(what: str, address: str | None, text: str) -> Iterator[Shown]:
    if address:
        yield Shown("link", what, address, text)


_SHOWN: dict[str, Callable[[str, Values, Values], Iterator[Shown]]] = {
    "triage": _findings,
    "select": _candidates,
    "validate": _decision_card,
    "recommend": _replay,
}
