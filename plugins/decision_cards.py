"""A tab on a run's page: what was decided in it, and why.

Of a retraining it is the decision card of the version that it judged, as MLflow keeps it; of a monitor what triage said.
The api-server makes a page that stands alone: the browser needs no way to MLflow, and runs no script.
"""

import html
import json
import logging
import os
import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from airflow.plugins_manager import AirflowPlugin

from report_links import returned, web_address

if TYPE_CHECKING:
    from fastapi import FastAPI
    from markdown_it.token import Token

    from include.results import Result

R = TypeVar("R", bound="Result")

CARD, PICTURE = "decision_card.md", "decision.png"
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
_log = logging.getLogger(__name__)


class NoCard(Exception):
    """There is no card to show; the sentence says why and what to do."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def card_page(dag_id: str, run_id: str) -> tuple[int, str]:
    """Status and HTML of the page about one run."""
    try:
        return 200, document(f"Decision card: {dag_id}", _card(dag_id, run_id))
    except NoCard as why:
        return why.status, sentence(f"Decision card: {dag_id}", str(why))


def _card(dag_id: str, run_id: str) -> str:
    model_name, _, stage = dag_id.rpartition(".")
    if stage == "monitor":
        return _findings(model_name, dag_id, run_id)
    if stage != "retrain":
        raise NoCard(404, "Only monitors and retrainings have a decision card; this is a run of something else.")
    trained, verdict = (_reference(returned(dag_id, run_id, task_id)) for task_id in ("train", "validate"))
    if not verdict:
        raise NoCard(404, "Not judged yet: the card is here once the task validate has succeeded. If it failed, see its log.")
    if not verdict.get("card_url"):
        raise NoCard(404, f"Nothing was judged in this run. {verdict.get('summary', '')}")
    of = str(trained.get("run_id"))
    if not _RUN.fullmatch(of):
        raise NoCard(404, "The task train named no run of MLflow, so there is no card to ask for. Clear train to make one.")
    card = artifact(of, CARD).decode("utf-8", errors="replace")
    body = as_html(card, cache(lambda: _picture(of)))
    return f'<main class="{html.escape(str(verdict.get("verdict")))}">{body}</main>{_origin(trained)}'


def _findings(model_name: str, dag_id: str, run_id: str) -> str:
    """What triage said. A run that it stopped returned nothing: then what was found says why."""
    from include.reports.findings_card import findings_card
    from include.results import Drift, Finding, Quality

    drift = _result(Drift, returned(dag_id, run_id, "detect_drift"))
    quality = _result(Quality, returned(dag_id, run_id, "measure_quality"))
    finding = _result(Finding, returned(dag_id, run_id, "triage"))
    if finding is None and drift and drift.broken:
        finding = Finding(action="stop", reason=f"the feed is broken: {'; '.join(drift.broken)}")
    if finding is None:
        raise NoCard(404, _not_decided(dag_id, run_id))
    return f'<main class="{finding.action}">{as_html(findings_card(model_name, finding, drift, quality), str)}</main>'


def _not_decided(dag_id: str, run_id: str) -> str:
    from airflow_facts import failed_task

    if task := failed_task(dag_id, run_id):
        return (
            f"Stopped: the task {task} failed. Its log says why and what to do. When that is mended clear {task}, "
            "or pull if upstream has delivered again; what was found is here once triage has run."
        )
    return "Not decided yet: what was found is here once triage has run."


def _origin(trained: dict[str, Any]) -> str:
    """Where the version is; Airflow's frame stops a plain click on what would open a window of its own."""
    address = html.escape(web_address(json.dumps(trained), "version_url"))
    link = f'<a href="{address}" target="_blank" rel="noopener noreferrer">{address}</a>'
    return f"<footer>The version in MLflow (middle click or Ctrl-click): {link}</footer>" if address else ""


def _result(kind: "type[R]", stored: str | None) -> "R | None":
    """The result that a task returned; None where it has none, or one that cannot be read."""
    from pydantic import ValidationError

    try:
        return kind.model_validate_json(stored or "")
    except ValidationError:
        return None


def _reference(stored: str | None) -> dict[str, Any]:
    try:
        found = json.loads(stored or "null")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


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
        _log.warning("MLflow did not hand out %s of run %s: %s", path, run_id, error)
        raise NoCard(503, "MLflow does not answer. The card is kept there: see that its server runs, then reload.") from error
    if status == 404:
        raise NoCard(404, f"MLflow knows no run {run_id}: somebody deleted it. Clear the task train to have another one made.")
    # A proxy's login page comes with status 200; of a file that is not in its object store MLflow says 500.
    if status != 200 or "html" in kind or len(content) > _LARGEST:
        _log.warning("MLflow answered %s (%s) when asked for %s of run %s", status, kind, path, run_id)
        raise NoCard(
            502,
            f"MLflow answered {status} and no {path}: its store does not answer, or somebody deleted the file. See MLflow's "
            "log, then reload; clear the task validate to have it judged again.",
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
    """The picture as an address that holds its bytes; empty where it cannot be had: the card is worth reading without."""
    try:
        return f"data:image/png;base64,{b64encode(artifact(run_id, PICTURE)).decode()}"
    except NoCard:
        return ""


def as_html(card: str, picture: Callable[[], str]) -> str:
    """Markdown as HTML, none of it taken from the card; `picture` is asked only if the card shows the decision's picture."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("table_open", lambda *_: '<div class="wide"><table>')
    markdown.add_render_rule("table_close", lambda *_: "</table></div>")
    tokens = markdown.parse(card)
    for token in (child for block in tokens for child in block.children or []):
        if token.type == "link_open":
            token.attrSet("target", "_blank")
            token.attrSet("rel", "noopener noreferrer")
        if token.type == "image":
            _embed(token, picture)
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _embed(image: "Token", picture: Callable[[], str]) -> None:
    """Put the decision's picture itself in place of its address; any other becomes its description."""
    if data := picture() if _is_ours(str(image.attrs["src"])) else "":
        image.attrs["src"] = data
        return
    image.type, image.content = "text", f"[Picture, not shown here: {image.content}]"


def _is_ours(address: str) -> bool:
    try:
        return parse_qs(urlsplit(address).query).get("path") == [PICTURE]
    except ValueError:
        return False


def document(title: str, body: str) -> str:
    """A page of HTML that stands alone; `body` is HTML, `title` any text."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>{body}</body></html>"
    )


def sentence(title: str, why: str) -> str:
    """A page that says in one sentence why there is nothing else on it; both are any text."""
    return document(title, f'<p class="why">{html.escape(why)}</p>')


_STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --faint: #5d6878; --line: #d8dee6; --band: #f3f6f9; --link: #0b62c4;
  --verdict: #5d6878; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --faint: #98a3b3; --line: #333c48; --band: #1b222b;
  --link: #6cb2ff; --verdict: #98a3b3; } }
.promote, .nothing, .note { --verdict: #1f9d55; } .inconclusive, .wait, .page, .retrain { --verdict: #d08700; }
.blocked, .stop, .alarm { --verdict: #d33f3f; }
body { margin: 0 auto; padding: 1.25rem 1.5rem 2rem; max-width: 62rem; color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h2 { margin: 0 0 .5rem; padding-left: .75rem; border-left: .35rem solid var(--verdict); font-size: 1.45rem; line-height: 1.3; }
h3 { margin: 1.75rem 0 .5rem; font-size: 1.05rem; }
ol { padding-left: 1.6rem; } li { margin: .2rem 0; } a { color: var(--link); overflow-wrap: anywhere; }
.wide { overflow-x: auto; margin: .5rem 0 1rem; }
table { border-collapse: collapse; font-size: .93em; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .9rem; border-bottom: 1px solid var(--line); white-space: nowrap; text-align: left; }
th { color: var(--faint); font-weight: 600; } tbody tr:nth-child(odd) { background: var(--band); }
.ledger td:last-child { min-width: 12rem; white-space: normal; }
code { padding: .1em .3em; border-radius: 3px; background: var(--band); font-size: .9em; overflow-wrap: anywhere; }
img { display: block; max-width: 100%; height: auto; margin: 1rem 0; border-radius: 4px; background: #fff; }
.why { max-width: 40rem; margin: 3rem auto; font-size: 1.1rem; color: var(--faint); text-align: center; }
footer { margin-top: 2rem; padding-top: .75rem; border-top: 1px solid var(--line); color: var(--faint); font-size: .9em; }
"""


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
