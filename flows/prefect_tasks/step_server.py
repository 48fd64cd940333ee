"""A process that has imported what the steps need, and makes a copy of itself for each: `python -m …step_server SOCKET`.

To import it anew takes a step up to 15 seconds of a processor; a copy has it at once, is fresh, and may be killed alone. It
starts no threads, so that it can be copied. Only its own user reaches the socket: who does can run code.
"""

import contextlib
import copy
import importlib
import logging
import logging.handlers
import os
import signal
import sys
import threading
from multiprocessing.connection import Client, Connection, Listener
from typing import Any, cast

# As Airflow's workers have it: deploy/local/environment.py.
PRELOADED = (
    "skops.io,boto3,pandas,pandera.pandas,pyarrow.parquet,scipy.stats,sklearn.ensemble,sklearn.pipeline,sklearn.compose,mlflow,"
    "mlflow.sklearn,mlflow.tracking,evidently,evidently.metrics,evidently.presets,matplotlib.figure,"
    "matplotlib.backends.backend_agg,sklearn.neighbors,sklearn.feature_extraction.text"
)
SOCKET = "STEP_SERVER_SOCKET"


class StepLost(Exception):
    """The process of a step ended without a result: it was killed, or took more memory than there is."""


class StepTooLong(Exception):
    """A step took longer than it may; its process was ended."""


def call(function: str, arguments: tuple[Any, ...], seconds: float) -> Any:
    """The result of `module:function` in a process of its own; without a server, in this one.

    What it logs is logged here, and what it raises is raised here.
    """
    try:
        connection = Client(os.environ[SOCKET], "AF_UNIX")
    except (KeyError, OSError):
        return _resolved(function)(*arguments)
    # Closed in any case: then the process ends too, and no step goes on for a run that is gone.
    with contextlib.closing(connection):
        connection.send((function, arguments))
        return _outcome(connection, function, seconds)


def _outcome(connection: "Connection[Any, Any]", function: str, seconds: float) -> Any:
    try:
        while connection.poll(seconds):
            kind, value = connection.recv()
            if kind == "log":
                logging.getLogger(value.name).handle(value)
            elif kind == "raised":
                raise value
            else:
                return value
    except (EOFError, ConnectionError) as error:
        raise StepLost(f"the process of {function} ended without a result; was it killed?") from error
    raise StepTooLong(f"{function} said nothing for {seconds:.0f} s")


def main(socket: str, preloaded: str = PRELOADED) -> None:
    """Copy this process for each connection, until its parent ends it."""
    logging.getLogger("include").setLevel(logging.INFO)
    signal.signal(signal.SIGCHLD, _reap)
    # Listening comes first: a step that is asked for meanwhile waits, which is no longer than to import all this itself.
    with Listener(socket, "AF_UNIX", backlog=64) as listener:
        for module in filter(None, preloaded.split(",")):
            importlib.import_module(module)
        while True:
            with contextlib.closing(listener.accept()) as connection:
                if os.fork() == 0:
                    _perform(connection)


def _reap(*_: object) -> None:
    """Take note of the copies that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _perform(connection: "Connection[Any, Any]") -> None:
    """In the copy: do what is asked, answer, and end."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        function, arguments = connection.recv()
        _name_process(str(arguments[0]))
        threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
        root = logging.getLogger()
        root.handlers = [_Sender(cast("Any", connection))]
        try:
            answer = ("result", _resolved(function)(*arguments))
        except Exception as error:
            logging.getLogger("include").debug("raised", exc_info=True)
            answer = ("raised", _portable(error))
        connection.send(answer)
    finally:
        os._exit(0)


class _Sender(logging.handlers.QueueHandler):
    """Sends records to where the step was asked for."""

    def enqueue(self, record: logging.LogRecord) -> None:
        self.queue.send(("log", record))  # type: ignore[attr-defined]  # a connection, not a queue


def _end_with(connection: "Connection[Any, Any]") -> None:
    """A run that was killed wants no result, and another try may begin at once."""
    with contextlib.suppress(OSError, EOFError):
        connection.recv()
    os._exit(1)


def _portable(error: Exception) -> Exception:
    """The error, if it survives the way; else its words."""
    try:
        copy.copy(error)
    except Exception:  # noqa: BLE001 - whatever keeps it from being copied
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _name_process(step: str) -> None:
    """So that a list of processes shows which step each one performs."""
    with contextlib.suppress(OSError), open("/proc/self/comm", "w") as file:
        file.write(step[:15])


def _resolved(function: str) -> Any:
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(module), name)


if __name__ == "__main__":
    main(*sys.argv[1:])
