"""MLflow's webhook calls here when somebody set a tag on a version, so that a review in MLflow is seen before the next poll.

MLflow is no user of Airflow's: its signature is what lets it in. All that a call can bring about is an early look: the tags
are read from MLflow as the trigger reads them, what the call says of their values is not even looked at, and the task goes on
only where that trigger would have ended by itself at its next look.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import os
import re
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

from include.decisions.gate.review import REVIEW, REVIEW_BY, REVIEW_REASON
from registry_review_trigger import RegistryReviewTrigger, event

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.datastructures import Headers
    from starlette.requests import Request
    from starlette.responses import Response

_LARGEST = 65_536
# MLflow tries again for a minute or two, with the first try's timestamp.
_FRESH_SECONDS = 300
# Neither holds a dot, so what was signed can be cut at its dots in one way only.
_DELIVERY, _TIMESTAMP = re.compile(r"[0-9a-f-]{36}"), re.compile(r"[0-9]{1,11}")
_log = logging.getLogger(__name__)


def is_signed(secret: str, headers: "Headers", body: bytes) -> bool:
    """Whether MLflow, which knows the secret, sent this body under these headers."""
    signed = b".".join([headers.get(name, "").encode() for name in ("X-MLflow-Delivery-Id", "X-MLflow-Timestamp")] + [body])
    made = b"v1," + base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest())
    return hmac.compare_digest(made, headers.get("X-MLflow-Signature", "").encode())


def is_fresh(headers: "Headers") -> bool:
    """Whether it says of itself that it was made just now; a call that was overheard cannot be repeated for ever."""
    delivery, timestamp = headers.get("X-MLflow-Delivery-Id", ""), headers.get("X-MLflow-Timestamp", "")
    if not (_DELIVERY.fullmatch(delivery) and _TIMESTAMP.fullmatch(timestamp)):
        return False
    return abs(time.time() - int(timestamp)) <= _FRESH_SECONDS


def named_in(body: bytes) -> tuple[str, str] | None:
    """Model and version of which a tag of a review was set; none where it is about anything else."""
    from include.models import model_names

    try:
        told = json.loads(body)
        said, what = (told["entity"], told["action"]), told["data"]
        name, version, tag = what["name"], what["version"], what["key"]
    except (ValueError, LookupError, TypeError):
        return None
    ours = said == ("model_version_tag", "set") and tag in (REVIEW, REVIEW_BY, REVIEW_REASON) and name in model_names()
    return (name, version) if ours else None


def look_early(model_name: str, version: object) -> int:
    """Let every task go on that waits for this version's review and has something new to see in MLflow; says how many."""
    waiting = [(number, kwargs) for number, kwargs in _waiting(model_name) if kwargs["version"] == version]
    return sum(_resume(number) for number, kwargs in waiting if RegistryReviewTrigger(**kwargs).has_news())


def _waiting(model_name: str) -> list[tuple[int, dict[str, Any]]]:
    """The triggers that a model's reviews wait with: number, and what each was made with."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import Trigger
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select

    asked = (
        select(Trigger)
        .join(TaskInstance, TaskInstance.trigger_id == Trigger.id)
        .where(
            TaskInstance.dag_id == f"{model_name}.retrain",
            TaskInstance.task_id == "review",
            TaskInstance.state == TaskInstanceState.DEFERRED,
            Trigger.classpath == f"{RegistryReviewTrigger.__module__}.{RegistryReviewTrigger.__qualname__}",
        )
    )
    with create_session() as session:
        return [(trigger.id, trigger.kwargs) for trigger in session.scalars(asked)]


def _resume(trigger_id: int) -> int:
    """End a trigger as it would end itself; 0 where it has meanwhile."""
    from airflow._shared.timezones import timezone
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import Trigger
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import update

    still = update(TaskInstance).where(TaskInstance.trigger_id == trigger_id, TaskInstance.state == TaskInstanceState.DEFERRED)
    with create_session() as session:
        # Three tags are three calls at once: writing first makes the second wait for the first, and find nothing left to do.
        claimed: Any = session.execute(still.values(updated_at=timezone.utcnow()))
        if claimed.rowcount:
            Trigger.submit_event(trigger_id, event(expired=False), session=session)
        return int(claimed.rowcount)


async def _answer(request: "Request") -> int:
    """The status of the answer; it is all that is answered."""
    from include.errors import SettingsError
    from include.settings import Settings

    try:
        secret = Settings.read(os.environ).mlflow_webhook_secret
    except SettingsError as error:
        _log.error("%s", error)
        return 503
    if secret is None:
        return 404
    if not is_fresh(request.headers):
        return 401
    body = await _body(request)
    if body is None:
        return 413
    if not is_signed(secret.get_secret_value(), request.headers, body):
        return 401
    named = named_in(body)
    if named:
        resumed = await asyncio.to_thread(look_early, *named)
        _log.info("a review's tag was set on %s version %r; waiting tasks that go on: %s", *named, resumed)
    return 204


async def _body(request: "Request") -> bytes | None:
    """What was sent; none as soon as it is more than MLflow says about a tag of a review."""
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > _LARGEST:
            return None
    return content


@cache
def _app() -> "Starlette":
    from starlette.applications import Starlette
    from starlette.requests import ClientDisconnect
    from starlette.responses import Response
    from starlette.routing import Route

    async def tags(request: "Request") -> "Response":
        try:
            return Response(status_code=await _answer(request))
        except ClientDisconnect:
            return Response(status_code=400)

    return Starlette(routes=[Route("/tags", tags, methods=["POST"])])


async def webhook(scope: Any, receive: Any, send: Any) -> None:
    """The route as an application for Airflow to mount, without Airflow's users; made when first called."""
    await _app()(scope, receive, send)


_ROUTES: list[Any] = [{"app": webhook, "url_prefix": "/mlflow-webhook", "name": "MLflow's webhook"}]


class MlflowWebhook(AirflowPlugin):
    """What Airflow reads from this file."""

    name = "mlflow_webhook"
    fastapi_apps = _ROUTES
