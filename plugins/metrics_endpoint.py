"""`/proving-ground/metrics` for Prometheus: the latest status of every model, and which reviews wait.

Prometheus is no user of Airflow's: a bearer token of its own lets it in, and lets it read these metrics and nothing else.
Without PROVING_GROUND_METRICS_TOKEN there is no such page.
"""

import asyncio
import hmac
import logging
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

_log = logging.getLogger(__name__)


def answer(authorization: str) -> tuple[int, bytes]:
    """Status and body for a request with this header; every failure is a status that Prometheus takes for `up == 0`."""
    from sqlalchemy.exc import SQLAlchemyError

    from airflow_facts import runs_of
    from include.alerts.throttle import Flow
    from include.errors import ProvingGroundError
    from include.models import all_models, broken_models, model_names
    from include.reports.prometheus import exposition
    from include.services import reader

    try:
        read = reader()
        settings = read.settings
        if settings.metrics_token is None:
            return 404, b""
        expected = f"Bearer {settings.metrics_token.get_secret_value()}"
        if not hmac.compare_digest(expected.encode(), authorization.encode()):
            return 401, b"The bearer token is not the one in PROVING_GROUND_METRICS_TOKEN.\n"
        flow = read.latest.messages(Flow) or Flow()
        return 200, exposition(all_models(), read.latest.all(), runs_of(model_names()), flow, list(broken_models()))
    except (ProvingGroundError, SQLAlchemyError) as error:
        _log.error("no metrics: %s: %s", type(error).__name__, error)
        return 503, b"No metrics; the log of the api-server says why.\n"


@cache
def _app() -> "Starlette":
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    from include.reports.prometheus import CONTENT_TYPE

    async def metrics(request: "Request") -> "Response":
        status, body = await asyncio.to_thread(answer, request.headers.get("Authorization", ""))
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        return Response(body, status, headers, media_type=CONTENT_TYPE)

    return Starlette(routes=[Route("/metrics", metrics)])


async def endpoint(scope: Any, receive: Any, send: Any) -> None:
    """The page as an application for Airflow to mount, without Airflow's users; made when first called."""
    await _app()(scope, receive, send)


_ROUTES: list[Any] = [{"app": endpoint, "url_prefix": "/proving-ground", "name": "Metrics for Prometheus"}]


class MetricsEndpoint(AirflowPlugin):
    """What Airflow reads from this file."""

    name = "metrics_endpoint"
    fastapi_apps = _ROUTES
