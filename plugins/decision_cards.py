"""A tab on a run's page: what was decided in it, and why.

Of a retraining it is the decision card of the version that it judged, as MLflow keeps it; of a monitor the finding of triage.
The api-server makes a page that stands alone: the browser needs no way to MLflow, and runs no script.
"""

import json
import logging
import os
import re
from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.plugins_manager import AirflowPlugin

from report_links import returned, web_address

if TYPE_CHECKING:
    from fastapi import FastAPI

    from include.results import Result

R = TypeVar("R", bound="Result")

CARD = "decision_card.md"
HEADERS = {
    # Airflow's frame allows scripts of its own origin, where the viewer's session is: this page allows none.
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_SECONDS = (2, 5)
_LARGEST = 5_000_000
_RUN = re.compile(r"[0-9a-f]{32}")
_LEFT_OUT = (
    "What the task {} returned cannot be read, so it is left out: another release wrote it. Clear the task to make it again."
)
_log = logging.getLogger(__name__)


class NoCard(Exception):
    """There is no card to show; the sentence says why and what to do."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def card_page(dag_id: str, run_id: str) -> tuple[int, str]:
    """Status and HTML of the page about one run."""
    try:
        return 200, _card(dag_id, run_id)
    except NoCard as why:
        return why.status, sentence(f"Decision card: {dag_id}", str(why))


def _card(dag_id: str, run_id: str) -> str:
    from include.reports.pages import from_markdown, render

    model_name, _, stage = dag_id.rpartition(".")
    if stage == "monitor":
        return _findings(model_name, dag_id, run_id)
    if stage != "retrain":
        raise NoCard(404, "Only monitors and retrainings have a decision card; this is a run of something else.")
    trained, verdict = (_reference(returned(dag_id, run_id, task_id)) for task_id in ("select", "validate"))
    if not verdict:
        raise NoCard(404, "Not judged yet: the card is here once the task validate has succeeded. If it failed, see its log.")
    if not verdict.get("card_url"):
        raise NoCard(404, f"Nothing was judged in this run. {verdict.get('summary', '')}")
    of = str(trained.get("run_id"))
    if not _RUN.fullmatch(of):
        raise NoCard(404, "The task train named no run of MLflow, so there is no card to ask for. Clear train to make one.")
    card = artifact(of, CARD).decode("utf-8", errors="replace")
    return render(
        "card.html",
        title=f"Decision card: {dag_id}",
        kind=verdict.get("verdict"),
        card=from_markdown(card, cache(lambda: _picture(of))),
        version_url=web_address(json.dumps(trained), "version_url"),
    )


def _findings(model_name: str, dag_id: str, run_id: str) -> str:
    """The finding of triage. A run with a broken feed stops before triage: then the drift result is the reason."""
    from include.reports.findings_card import findings_card
    from include.reports.pages import from_markdown, render
    from include.results import Drift, Finding, Quality

    stored = {task: returned(dag_id, run_id, task) for task in ("detect_drift", "measure_quality", "triage")}
    drift = _result(Drift, stored["detect_drift"])
    quality = _result(Quality, stored["measure_quality"])
    finding = _result(Finding, stored["triage"])
    read = zip(stored, (drift, quality, finding), strict=True)
    unreadable = [task for task, result in read if stored[task] and result is None]
    if finding is None and drift and drift.broken:
        finding = Finding(action="stop", reason=f"the feed is broken: {'; '.join(drift.broken)}")
    if finding is None:
        raise NoCard(404, _LEFT_OUT.format("triage") if "triage" in unreadable else _not_decided(dag_id, run_id))
    notes = "".join(f"> {_LEFT_OUT.format(task)}\n\n" for task in unreadable)
    card = from_markdown(notes + findings_card(model_name, finding, drift, quality))
    return render("card.html", title=f"Findings: {dag_id}", kind=finding.action, card=card, version_url="")


def _not_decided(dag_id: str, run_id: str) -> str:
    from airflow_facts import failed_task

    if task := failed_task(dag_id, run_id):
        return (
            f"Stopped: the task {task} failed. Its log says why and what to do. When that is fixed clear {task}, "
            "or pull if upstream has delivered again; the findings appear here once triage has run."
        )
    return "Not decided yet: the findings appear here once triage has run."


def _result(kind: "type[R]", stored: str | None) -> "R | None":
    """The result that a task returned; None where it has none, or one that this release cannot read: the log says why."""
    from pydantic import ValidationError

    if not stored:
        return None
    try:
        return kind.model_validate_json(stored)
    except ValidationError as error:
        _log.warning("what the task returned is no %s of this release, so the card leaves it out: %s", kind.__name__, error)
        return None


def _reference(stored: str | None) -> dict[str, Any]:
    try:
        result = json.loads(stored or "null")
    except ValueError:
        return {}
    return result if isinstance(result, dict) else {}


def artifact(run_id: str, path: str) -> bytes:
    """A file beside a run of MLflow.

    Raises:
        NoCard: it is not there (404), MLflow does not answer (503), or not with that file (502).
    """
    import requests

    try:
        with requests.get(
            f"{_mlflow()}/get-artifact", params={"path": path, "run_uuid": run_id}, timeout=_SECONDS, stream=True
        ) as answer:
            status, kind = answer.status_code, answer.headers.get("Content-Type", "")
            content = _beginning(answer.iter_content(65_536)) if status == 200 else b""
    except requests.RequestException as error:
        _log.warning("MLflow did not return %s of run %s: %s", path, run_id, error)
        raise NoCard(503, "MLflow does not answer. The card is kept there: see that its server runs, then reload.") from error
    if status == 404:
        raise NoCard(404, f"MLflow knows no run {run_id}: it was deleted. Clear the task train to create a new one.")
    # A proxy's login page comes with status 200; of a file that is not in its object store MLflow says 500.
    if status != 200 or "html" in kind or len(content) > _LARGEST:
        _log.warning("MLflow answered %s (%s) when asked for %s of run %s", status, kind, path, run_id)
        raise NoCard(
            502,
            f"MLflow answered {status} and no {path}: its store does not answer, or the file was deleted. See MLflow's "
            "log, then reload; clear the task validate to judge the version again.",
        )
    return content


def _beginning(chunks: Iterable[bytes]) -> bytes:
    """What was sent, up to a little more than is accepted."""
    content = b""
    for chunk in chunks:
        content += chunk
        if len(content) > _LARGEST:
            break
    return content


def _mlflow() -> str:
    from include.errors import SettingsError
    from include.settings import Settings

    try:
        return Settings.read(os.environ).mlflow_tracking_uri
    except SettingsError as error:
        _log.error("%s", error)
        raise NoCard(
            503, "A setting of the api-server cannot be used, so MLflow cannot be asked: its log says which."
        ) from error


def _picture(run_id: str) -> str:
    """The picture as an address that holds its bytes; empty where MLflow does not return it: the card is useful without."""
    from include.reports.pages import PICTURE

    try:
        return f"data:image/png;base64,{b64encode(artifact(run_id, PICTURE)).decode()}"
    except NoCard:
        return ""


def sentence(title: str, why: str) -> str:
    """A page that says in one sentence why there is nothing else on it."""
    from include.reports.pages import render

    return render("sentence.html", title=title, why=why)


@cache
def _app() -> "FastAPI":
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.core_api.security import get_user, requires_access_dag
    from fastapi import Depends, FastAPI
    from fastapi.responses import HTMLResponse

    # Its own pages of documentation would not pass the dependency.
    app = FastAPI(dependencies=[Depends(get_user)], openapi_url=None)

    @app.get("/{dag_id}", dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.XCOM))])
    def show(dag_id: str, run_id: str) -> HTMLResponse:
        status, page = card_page(dag_id, run_id)
        return HTMLResponse(page, status, HEADERS)

    return app


async def decision_cards(scope: Any, receive: Any, send: Any) -> None:
    """The page as an application for Airflow to mount, for its own users who may read the DAG.

    It is made when first asked: every component imports its plugins, only the api-server has loaded what this needs (2 CPU-s).
    """
    await _app()(scope, receive, send)


_PAGES: list[Any] = [{"app": decision_cards, "url_prefix": "/decision-cards", "name": "Decision cards"}]
_TABS: list[Any] = [
    {
        "name": "Decision card",
        # Relative, so that it also works below a path of `api.base_url`. Airflow's page escapes what it fills in.
        "href": "decision-cards/{DAG_ID}?run_id={RUN_ID}",
        "destination": "dag_run",
        "url_route": "decision_card",
    }
]


class DecisionCards(AirflowPlugin):
    """What Airflow reads from this file."""

    name = "decision_cards"
    fastapi_apps = _PAGES
    external_views = _TABS
