"""What is remembered about messages, by all tasks together: on the object store, with compare and set.

While the store is away, the memory is an Airflow Variable, which every worker reaches too. It knows no conditions: tasks of
one machine take turns by a file lock, those of several could each send one message in the same instant. What it counted is
taken over with the first message after the outage.
"""

import fcntl
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from include.alerts.throttle import Flow

VARIABLE = "proving_ground_messages"
# Seconds.
_PATIENCE = 3.0
_log = logging.getLogger(__name__)
Found = TypeVar("Found")


class Memory:
    """The memory, as one task uses it for one message."""

    def __init__(self, *, store_is_away: bool) -> None:
        self._away, self._looked = store_is_away, False

    def changed(self, step: "Callable[[Flow], tuple[Flow, Found]]") -> Found:
        """Take a step from what is remembered to what shall be; the second value is handed back.

        Where nothing can be remembered the step is taken from nothing: better a message too many.
        """
        from include.alerts.throttle import Flow
        from include.errors import ProvingGroundError

        if not self._away:
            try:
                return self._in_store(step)
            except ProvingGroundError as error:
                self._away = True
                _log.warning("messages are remembered in the Variable %s meanwhile: %s", VARIABLE, error)
        try:
            return _in_variable(step)
        except Exception:  # noqa: BLE001 - Airflow's client raises what it likes, and a message must go out all the same
            _log.exception("nothing can be remembered about messages, so this one is neither grouped nor counted")
            return step(Flow())[1]

    def _in_store(self, step: "Callable[[Flow], tuple[Flow, Found]]") -> Found:
        from include.adapters.latest_status import ALL_MODELS
        from include.alerts.throttle import Flow, drained
        from include.errors import ProvingGroundError
        from include.services import reader

        # A store that is away has been waited for long enough by the task itself.
        board = reader(patience=2).board
        left = Flow() if self._looked else _left_in_variable()
        self._looked = True
        found: list[Found] = []

        def revised(document: dict[str, Any] | None) -> dict[str, Any]:
            flow, answer = step(drained(Flow.read(document), left, time.time())[0])
            found[:] = [answer]
            return flow.model_dump(mode="json")

        try:
            board.revise(ALL_MODELS, "messages", revised, within=_PATIENCE)
        except ProvingGroundError:
            if left.counts:
                _in_variable(lambda flow: (drained(flow, left, time.time())[0], None))
            raise
        return found[0]


def _left_in_variable() -> "Flow":
    """What was counted while the store was away; it is not counted again."""
    from include.alerts.throttle import Flow, drained

    try:
        before = _variable()
        if before.get("counts") or before.get("missed"):
            return _in_variable(lambda flow: (drained(Flow(), flow, time.time())[1], flow))
    except Exception:  # noqa: BLE001 - Airflow's client raises what it likes, and the store is there
        _log.exception("what was counted in the Variable %s stays there for now", VARIABLE)
    return Flow()


def _in_variable(step: "Callable[[Flow], tuple[Flow, Found]]") -> Found:
    from airflow.sdk import Variable

    from include.alerts.throttle import Flow

    with _our_turn():
        flow, found = step(Flow.read(_variable()))
        Variable.set(VARIABLE, flow.model_dump_json(), description="Messages while the object store was away")
    return found


def _variable() -> dict[str, Any]:
    from airflow.sdk import Variable

    try:
        document = json.loads(Variable.get(VARIABLE, default=None) or "{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


@contextmanager
def _our_turn() -> Iterator[None]:
    """One task of this machine at a time; after some seconds without a turn it goes on: late is worse than twice."""
    path, until = Path(tempfile.gettempdir()) / f"proving-ground-messages-{os.getuid()}.lock", time.monotonic() + _PATIENCE
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        while time.monotonic() < until:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.02)
        yield
    finally:
        os.close(lock)
