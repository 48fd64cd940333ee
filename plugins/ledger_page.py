"""A tab on each of a model's DAGs: its ledger. The api-server reads the object store; the browser runs no script."""

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

from decision_cards import HEADERS, sentence

if TYPE_CHECKING:
    from fastapi import FastAPI

    from include.ledger.entries import Entry

_log = logging.getLogger(__name__)


def ledger_page(dag_id: str) -> tuple[int, str]:
    """Status and HTML of the ledger of the model that a DAG belongs to."""
    from include.errors import LedgerBroken, ProvingGroundError
    from include.models import model_names
    from include.reports.ledger_card import ledger_card
    from include.reports.pages import from_markdown, render

    model_name = dag_id.rpartition(".")[0]
    if model_name not in model_names():
        return 404, sentence(f"Ledger: {dag_id}", "Only a model's own DAGs have a ledger.")
    try:
        card = from_markdown(ledger_card(model_name, _entries(model_name)))
        return 200, render("card.html", title=f"Ledger: {model_name}", kind="ledger", card=card, version_url="")
    except LedgerBroken as error:
        return 500, sentence(f"Ledger: {dag_id}", str(error))
    except ProvingGroundError as error:
        _log.error("the ledger of %s: %s", model_name, error)
        return 503, sentence(
            f"Ledger: {dag_id}", "The object store did not return the ledger; the log of the api-server says why."
        )


def _entries(model_name: str) -> "list[Entry]":
    from include.services import reader

    return reader().ledger.proved(model_name)


@cache
def _app() -> "FastAPI":
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.core_api.security import get_user, requires_access_dag
    from fastapi import Depends, FastAPI
    from fastapi.responses import HTMLResponse

    app = FastAPI(dependencies=[Depends(get_user)], openapi_url=None)

    @app.get("/{dag_id}", dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.RUN))])
    def show(dag_id: str) -> HTMLResponse:
        status, page = ledger_page(dag_id)
        return HTMLResponse(page, status, HEADERS)

    return app


async def ledger(scope: Any, receive: Any, send: Any) -> None:
    """The page as an application for Airflow to mount, for its own users who may read the DAG; made when first asked."""
    await _app()(scope, receive, send)


_PAGES: list[Any] = [{"app": ledger, "url_prefix": "/ledger", "name": "Ledger"}]
_TABS: list[Any] = [{"name": "Ledger", "href": "ledger/{DAG_ID}", "destination": "dag", "url_route": "ledger"}]


class LedgerPage(AirflowPlugin):
    """What Airflow reads from this file."""

    name = "ledger_page"
    fastapi_apps = _PAGES
    external_views = _TABS
