"""A process apart, for what runs the code that a file holds: no credentials in its environment, numbers over a pipe.

It is still a process of the same user. That keeps the pipeline's secrets from code that looks at its own environment, and
the pipeline's memory from what is unpickled; it is no sandbox.
"""

import json
import os
import shutil
import signal
import site
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import include
from include.untrusted_text import of_data

_KEPT = (
    *("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT"),
)
_STDERR = "stderr.txt"
_TIMEOUT_SECONDS = 300
_LONGEST_HEADER = 10_000
_LONGEST = 500


def environment(home: Path) -> dict[str, str]:
    """All that such a process gets; `home` is a temporary folder."""
    project = str(Path(include.__file__).parents[1])
    own = {
        "HOME": str(home),
        # Packages that were installed for the user are looked for in the home that it does not get.
        "PYTHONUSERBASE": site.getuserbase(),
        "PYTHONPATH": os.pathsep.join(filter(None, [project, os.environ.get("PYTHONPATH")])),
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | own


class Child:
    """A module that runs as a program in a folder of its own, answers requests, and ends with this object.

    A request is a line of JSON with the number of `bytes` that follow it, and so is an answer, or it has an `error`. Threads
    take turns.
    """

    def __init__(self, module: str, more: dict[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="proving_ground_"))
        with (self.folder / _STDERR).open("wb") as stderr:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment(self.folder) | more,
                start_new_session=True,
            )
        self._turn = threading.Lock()
        weakref.finalize(self, _end, self._process, self.folder, os.getpid())

    def ask(self, request: Mapping[str, Any], body: bytes, expected: int) -> bytes:
        """Send a request, and receive the `expected` number of bytes.

        Raises:
            ValueError: it answers with an error or with another number of bytes, has died, or took more than five minutes.
        """
        with self._turn:
            timer = threading.Timer(_TIMEOUT_SECONDS, _kill, [self._process])
            timer.start()
            try:
                return self._exchange(request, body, expected)
            except (OSError, EOFError) as error:
                _kill(self._process)
                raise ValueError(self._why_it_ended()) from error
            finally:
                timer.cancel()

    def _exchange(self, request: Mapping[str, Any], body: bytes, expected: int) -> bytes:
        to, back = self._process.stdin, self._process.stdout
        assert to is not None
        assert back is not None
        to.write(json.dumps({**request, "bytes": len(body)}).encode() + b"\n" + body)
        to.flush()
        answer = _header(back.readline(_LONGEST_HEADER))
        if "error" in answer:
            raise ValueError(f"the process that loaded the model could not: {of_data(answer['error'], _LONGEST)}")
        if answer.get("bytes") != expected or len(received := back.read(expected)) != expected:
            raise EOFError
        return received

    def _why_it_ended(self) -> str:
        words = (self.folder / _STDERR).read_text(encoding="utf-8", errors="replace")[-_LONGEST:]
        return (
            f"the process that loaded the model ended with {self._process.wait()}, without a whole answer within "
            f"{_TIMEOUT_SECONDS} s: {of_data(words, _LONGEST)} Make the model smaller or quicker, or correct `build`."
        )


def _header(line: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise EOFError from error
    return answer if isinstance(answer, dict) else {}


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End it, and what it has started itself."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _end(process: "subprocess.Popen[bytes]", folder: Path, owner: int) -> None:
    # A fork of ours that ends is not its owner.
    if os.getpid() != owner:
        return
    if process.poll() is None:
        _kill(process)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        # What was not sent any more has no reader.
        with suppress(OSError):
            pipe.close()  # type: ignore[union-attr]  # both are pipes
    shutil.rmtree(folder, ignore_errors=True)
