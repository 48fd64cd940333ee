"""Waiting for a reviewer's tags: what wakes it, what does not, and that its time ends when it was set to end."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.plugins.airflow_process import answers_of
from tests.servers import Asked, Reply, answering

ASK = """
import asyncio, json, sys, time
from importlib import import_module
path, kwargs = json.loads(sys.stdin.read())
module, name = path.rsplit(".", 1)
trigger = getattr(import_module(module), name)(**kwargs)
assert trigger.serialize() == (path, kwargs), trigger.serialize()
async def first():
    async for event in trigger.run():
        return event.payload
began = time.monotonic()
event = asyncio.run(first())
print(chr(10) + json.dumps([event, time.monotonic() - began]))
"""
EVIDENCE = "0123456789ab" + "c" * 52
RIGHT = {"review": "approve-0123456789ab", "review_by": "alice"}


@contextmanager
def registry(*answers: Any) -> Iterator[str]:
    """A server that gives these answers to one look after the other, the last one for ever: tags, or a status."""
    left = list(answers)

    def reply(_asked: Asked) -> Reply:
        next_one = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(next_one, int):
            return Reply(next_one)
        return Reply(body=next_one if isinstance(next_one, bytes) else json.dumps(_version(next_one)).encode())

    with answering(reply) as address:
        yield address


def _version(tags: dict[str, str]) -> dict[str, Any]:
    listed = [{"key": name, "value": value} for name, value in tags.items()]
    return {"model_version": {"name": "toy", "version": "2", **({"tags": listed} if listed else {})}}


def waited(home: Path, address: str, seconds: float = 30.0, **changes: Any) -> tuple[dict[str, bool], float]:
    """The event with which the trigger ends, and after how many seconds."""
    until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    asked = {"version": "2", "evidence": EVIDENCE, "needs_reason": False, "reviewers": [], "until": until}
    kwargs = {"model_name": "toy", "asked": asked, "every": 0.1} | changes
    trigger = ["registry_review_trigger.RegistryReviewTrigger", kwargs]
    event, took = answers_of(ASK, home, trigger, MLFLOW_TRACKING_URI=address)
    return event, took


def test_an_answer_ends_the_wait_also_after_an_outage(tmp_path: Path) -> None:
    """No tags, errors, a proxy's page, an unknown version: all of it is waited through until the tags are there."""
    with registry({}, 503, b"<html>login</html>", 404, {"review_by": "alice"}, RIGHT) as address:
        event, _ = waited(tmp_path, address)
    assert event == {"expired": False}


def test_something_to_correct_ends_it_once(tmp_path: Path) -> None:
    """The step tells the reviewer what is wrong; after one such message the wait goes on, until the time set at first."""
    wrong = {"review": "yes", "review_by": "alice"}
    with registry(wrong) as address:
        assert waited(tmp_path, address)[0] == {"expired": False}
    sentence = "not counted: review is yes; this judgement's are approve-0123456789ab and reject-0123456789ab"
    with registry(wrong | {"reviewed": sentence}) as address:
        event, took = waited(tmp_path, address, 15.0)
    assert event == {"expired": True}
    assert took < 16


def test_started_again_after_its_time_it_ends_at_once(tmp_path: Path) -> None:
    """A triggerer that was away for a day does not give the reviewer another day."""
    event, took = waited(tmp_path, "http://127.0.0.1:9", -3600.0)
    assert event == {"expired": True}
    assert took < 1
