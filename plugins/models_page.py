"""The page "Models" in Airflow's navigation, and a tab "Model" on a model's DAGs: the present state, and how it came about.

Made by the api-server from the latest status and from the records of the newest runs; the browser runs no script. It is
read-only: a user who may read a model's monitor in Airflow sees its line, one who may read runs of one of its DAGs its page.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.plugins_manager import AirflowPlugin

from airflow_facts import STAGES
from decision_cards import HEADERS, sentence

if TYPE_CHECKING:
    from fastapi import FastAPI

    from include.ledger.entries import Entry
    from include.models.contract import Model
    from include.reports.ml_test_score import Score
    from include.results import Intake
    from include.services import Reader
    from include.settings import Settings
    from include.statuses import Latest, MonitorStatus, RetrainStatus

# Two years of weeks: more than can be told apart in a picture.
_NEWEST = 104
_ENTRIES = 12
# Airflow shows it as an image, which cannot take its colour from the page.
_BARS = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='%23{}' "
    "stroke-width='2' stroke-linecap='round'%3E%3Cpath d='M4 20V11M10 20V4M16 20v-7M22 20H2'/%3E%3C/svg%3E"
)
# Whether it is the object store that failed; its addresses are nothing for a page.
_UNREAD = {
    True: "The object store did not return what is known ({}). Every model keeps its champion. Check that the store runs and "
    "that this machine reaches it, then reload; the api-server's log names the address.",
    False: "The page could not be made ({}); the api-server's log says why. Every model keeps its champion.",
}
_log = logging.getLogger(__name__)


def models_page(readable: Collection[str], now: datetime) -> tuple[int, str]:
    """Status and HTML of the list of all models whose monitor is among the readable DAGs."""
    from airflow_facts import runs_of
    from include.holds import ALL_MODELS
    from include.models import all_models, broken_models
    from include.reports.overview import broken_line, overview
    from include.reports.pages import render
    from include.services import reader

    models = [model for model in all_models() if f"{model.name}.monitor" in readable]
    read = reader()
    held, spoilt = read.holds.overview()
    lines = overview(models, read.latest.all(), runs_of(model.name for model in models), held, now)
    broken = [broken_line(name, why) for name, why in broken_models().items() if f"{name}.monitor" in readable]
    return 200, render("models.html", lines=[*broken, *lines], frozen=held.get(ALL_MODELS, ()), spoilt=spoilt, now=now)


def model_page(dag_id: str, now: datetime) -> tuple[int, str]:
    """Status and HTML of the page of the model that a DAG belongs to."""
    from include.models import broken_models, find_model, model_names

    name = dag_id.rpartition(".")[0]
    if name not in model_names():
        return 404, sentence(dag_id, "Only a model's own DAGs have a page here.")
    if why := broken_models().get(name):
        return 500, sentence(name, why)
    return 200, _page(find_model(name), now)


def _page(model: "Model", now: datetime) -> str:
    from airflow_facts import runs_of
    from include.reports import history_charts as charts
    from include.reports.overview import held_of, line
    from include.reports.pages import render
    from include.services import reader
    from include.statuses import MonitorStatus, RetrainStatus

    read, faults = reader(), []
    checks, spoilt = read.records.readable(model.name, MonitorStatus, _NEWEST)
    faults += spoilt
    retrainings, spoilt = read.records.readable(model.name, RetrainStatus, _NEWEST)
    faults += spoilt
    profiles, spoilt = read.records.readable_profiles(model.name, now, _NEWEST)
    faults += spoilt
    entries, taken_back, spoilt = _ledger(read, model.name)
    faults += spoilt
    deliveries, spoilt = read.records.newest_intakes(model.name, _ENTRIES)
    faults += spoilt
    latest = read.latest.of(model.name)
    held, spoilt = read.holds.overview()
    faults += spoilt
    one = replace(line(model, latest, runs_of([model.name])[model.name], now), held=held_of(held, model.name))
    judged = next((each for each in reversed(retrainings) if each.verdict.version), None)
    return render(
        "model.html",
        one=replace(one, faults=(*one.faults, *faults)),
        now=now,
        plot=charts,
        history=charts.history(checks, retrainings, profiles, _withdrawn_periods(deliveries)),
        retrainings=retrainings[: -_ENTRIES - 1 : -1],
        score=_score(read, model, judged, checks, latest),
        evidence=_evidence(model.name, judged, checks),
        deliveries=[(each, _withdrawn_since(each, deliveries)) for each in deliveries],
        taken_back=taken_back,
        entries=entries,
        links=_links(model.name, read.settings, checks),
    )


def _withdrawn_since(delivery: "Intake", others: "Sequence[Intake]") -> bool:
    """Whether what was delivered was taken back later: what is delivered again after that counts again."""
    file = delivery.file
    return not delivery.withdrawn and any(
        one.withdrawn and one.file.key == file.key and one.file.landed_at >= file.landed_at for one in others
    )


def _withdrawn_periods(deliveries: "Sequence[Intake]") -> set[datetime]:
    """The periods whose rows were taken back, as far as these deliveries tell: nothing else was delivered for them."""
    gone, counted = set[tuple[str, datetime]](), set[tuple[str, datetime]]()
    for each in deliveries:
        of = gone if _withdrawn_since(each, deliveries) else counted
        of.update((each.file.stream, period) for period in each.periods)
    return {period for _, period in gone - counted}


def _ledger(read: "Reader", name: str) -> "tuple[list[Entry], list[Entry], list[str]]":
    """The newest entries; the withdrawals and erasures of rows that the champion has seen; and what is wrong with the ledger.

    The whole ledger is read only where there were any such.
    """
    from include.errors import LedgerBroken
    from include.ledger.entries import taken_back, without_intents

    try:
        newest = read.ledger.newest_entries(name, 2 * _ENTRIES)
        state = newest[0].after if newest else None
        if state is None or not {"withdrawn", "erased"} & set(state.events):
            return without_intents(newest)[:_ENTRIES], [], []
        return without_intents(newest)[:_ENTRIES], taken_back(read.ledger.entries(name), state.champion), []
    except LedgerBroken as error:
        return [], [], [str(error)]


def _score(
    read: "Reader", model: "Model", judged: "RetrainStatus | None", checks: "Sequence[MonitorStatus]", latest: "Latest"
) -> "Score":
    from include.reports.ml_test_score import ScoreInputs, ml_test_score

    known = ScoreInputs.of(
        judged.verdict if judged else None,
        checks[-1] if checks else None,
        replayed=read.records.was_replayed(model.name),
        events=latest.ledger.document.after.events if latest.ledger else {},
        commit=read.settings.git_commit,
    )
    return ml_test_score(model, known)


def _evidence(name: str, judged: "RetrainStatus | None", checks: "Sequence[MonitorStatus]") -> dict[str, str]:
    """Where the evidence of the ML Test Score is seen, as addresses: pages beside this one first, then files in MLflow."""
    evidence = {"ledger": f"../ledger/{name}.monitor"}
    if checks:
        evidence["findings"] = f"../decision-cards/{name}.monitor?run_id={quote(checks[-1].run_id, safe='')}"
    if judged:
        evidence["card"] = f"../decision-cards/{name}.retrain?run_id={quote(judged.run_id, safe='')}"
        evidence["source"] = str(judged.verdict.card_url).replace("decision_card.md", "model_source.py")
    return evidence


def _links(name: str, settings: "Settings", checks: "Sequence[MonitorStatus]") -> list[tuple[str, Any]]:
    dags = [(f"{stage} in Airflow", f"{settings.airflow_url}/dags/{name}.{stage}") for stage in STAGES]
    report = next((one.drift.report_url for one in reversed(checks) if one.drift.report_url), None)
    return [*dags, ("Versions in MLflow", f"{settings.mlflow_url}/#/models/{name}"), ("Newest drift report", report)]


def _answer(page: Callable[..., tuple[int, str]], *arguments: Any) -> tuple[int, str]:
    """A page, or a sentence on why there is none: an object store that does not answer is no traceback."""
    from jinja2 import TemplateError
    from sqlalchemy.exc import SQLAlchemyError

    from include.errors import ProvingGroundError, StoreError

    try:
        return page(*arguments, datetime.now(UTC))
    except (ProvingGroundError, SQLAlchemyError, TemplateError) as error:
        _log.error("no page: %s: %s", type(error).__name__, error)
        return 503, sentence("Models", _UNREAD[isinstance(error, StoreError)].format(type(error).__name__))


def _readable(user: Any) -> set[str]:
    """The DAGs that a user may read; those of a broken model, which Airflow may never have seen, among them."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails

    from include.models import broken_models

    manager = get_auth_manager()
    never_seen = {f"{name}.monitor" for name in broken_models()}
    allowed = {one for one in never_seen if manager.is_authorized_dag(method="GET", details=DagDetails(id=one), user=user)}
    return set(manager.get_authorized_dag_ids(user=user)) | allowed


@cache
def _app() -> "FastAPI":
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.core_api.security import get_user, requires_access_dag
    from fastapi import Depends, FastAPI
    from fastapi.responses import HTMLResponse

    app = FastAPI(dependencies=[Depends(get_user)], openapi_url=None)

    # Neither is async: the page waits for the store, and is made in a thread.
    def show_all(user: Any = Depends(get_user)) -> HTMLResponse:  # noqa: B008 - FastAPI's own way
        status, page = _answer(models_page, _readable(user))
        return HTMLResponse(page, status, HEADERS)

    def show(dag_id: str) -> HTMLResponse:
        status, page = _answer(model_page, dag_id)
        return HTMLResponse(page, status, HEADERS)

    app.get("/")(show_all)
    app.get("/{dag_id}", dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.RUN))])(show)
    return app


async def models(scope: Any, receive: Any, send: Any) -> None:
    """The pages as an application for Airflow to mount, for its own users; made when first asked."""
    await _app()(scope, receive, send)


_PAGES: list[Any] = [{"app": models, "url_prefix": "/models", "name": "Models"}]
_VIEWS: list[Any] = [
    {"name": "Models", "href": "models/", "destination": "nav", "url_route": "models", "nav_top_level": True}
    | {"icon": _BARS.format("27272a"), "icon_dark_mode": _BARS.format("fafafa")},
    {"name": "Model", "href": "models/{DAG_ID}", "destination": "dag", "url_route": "model"},
]


class ModelsPage(AirflowPlugin):
    """What Airflow reads from this file."""

    name = "models_page"
    fastapi_apps = _PAGES
    external_views = _VIEWS
