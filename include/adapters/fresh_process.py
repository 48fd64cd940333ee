"""A fresh process that loads a logged artifact and answers from it, as a server of it would: the trial before a verdict.

Run as a program it is that process: `python -m include.adapters.fresh_process <file> <format>` reads the rows beside the file,
the types it may create from its standard input, and writes what it found to its standard output, as JSON.
"""

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

from include.errors import TrialFailed
from include.formats import format_named
from include.formats.apart import environment
from include.untrusted_text import of_data

_ROWS = "rows.parquet"
_TIMEOUT_SECONDS = 300
_SINGLE_ROWS = 50
_LONGEST_STDERR = 800


@dataclass(frozen=True)
class ArtifactTrial:
    """What a fresh process measured, and what it answered for the rows: `probabilities` (n, classes), or values (n,).

    MB are 10**6 bytes; `memory_mb` is the peak of the whole process, Python and libraries included; `latency_ms` is the 95th
    percentile over single rows, after the first.
    """

    load_seconds: float
    latency_ms: float
    size_mb: float
    memory_mb: float
    answers: np.ndarray[Any, np.dtype[np.float64]]


def try_artifact(
    path: Path, format_name: str, trusted_types: tuple[str, ...], rows: pd.DataFrame, python: str = sys.executable
) -> ArtifactTrial:
    """Load `path`, a file in that format, in a new interpreter without credentials, and let it answer `rows`.

    `python` may be the interpreter of another environment.

    Raises:
        TrialFailed: the process did not load it, did not answer, or took longer than five minutes; the message has its words.
    """
    rows.to_parquet(path.with_name(_ROWS))
    command = [python, "-m", "include.adapters.fresh_process", str(path), format_name]
    trusted = json.dumps(list(trusted_types))
    try:
        done = subprocess.run(  # noqa: S603 - our own module, with a path of our own
            command,
            input=trusted,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
            env=environment(path.parent),
        )
    except subprocess.TimeoutExpired as error:
        raise TrialFailed(
            f"{path.name}: a fresh process had not loaded it and answered {len(rows)} rows after {_TIMEOUT_SECONDS} s. "
            "Make the model smaller or quicker, and run retrain again."
        ) from error
    if done.returncode:
        stderr = of_data(" ".join(done.stderr.split())[-_LONGEST_STDERR:], _LONGEST_STDERR)
        raise TrialFailed(
            f"{path.name}: a fresh process could not load it and answer: {stderr} "
            "What was logged is not what was trained: correct `build`, and run retrain again."
        )
    measured = json.loads(done.stdout.splitlines()[-1])
    return ArtifactTrial(
        **{**measured, "answers": np.array(measured["answers"], dtype="float64")}, size_mb=path.stat().st_size / 1e6
    )


def main(path: str, format_name: str) -> None:
    """Load, answer, measure."""
    rows = pd.read_parquet(Path(path).with_name(_ROWS))
    began = time.perf_counter()
    pipeline = format_named(format_name).load(Path(path).read_bytes(), json.loads(sys.stdin.read()))
    loaded = time.perf_counter() - began
    answer = getattr(pipeline, "predict_proba", pipeline.predict)
    answers = np.asarray(answer(rows), dtype="float64")
    measured = {
        "load_seconds": loaded,
        "latency_ms": float(np.percentile(_single_rows(answer, rows), 95)),
        "memory_mb": _peak_memory_mb(),
        "answers": answers.tolist(),
    }
    sys.stdout.write("\n" + json.dumps(measured) + "\n")


def _peak_memory_mb() -> float:
    """The peak of this process, and of those that it started to answer; not the parent's, which `ru_maxrss` has on Linux."""
    started = [str(one.pid) for one in psutil.Process().children(recursive=True)]
    statuses = [Path("/proc") / pid / "status" for pid in ("self", *started)]
    if statuses[0].is_file():
        lines = [line for status in statuses for line in status.read_text().splitlines()]
        return sum(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:"))
    # macOS counts in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _single_rows(answer: Any, rows: pd.DataFrame) -> list[float]:
    """Milliseconds for one row after the other."""
    taken = []
    for turn in range(_SINGLE_ROWS):
        row = rows.iloc[[turn % len(rows)]]
        began = time.perf_counter()
        answer(row)
        taken.append((time.perf_counter() - began) * 1000)
    return taken


if __name__ == "__main__":
    main(*sys.argv[1:])
