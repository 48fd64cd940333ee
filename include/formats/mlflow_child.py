"""The program that loads what a flavour of MLflow's saved, and answers: see mlflow_flavour. It is where a file's code runs."""

import json
import os
import signal
import sys
from importlib import import_module
from typing import Any

_LONGEST_SECONDS = 600


def main() -> None:
    """Answer requests until there are no more."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # What a library prints would come between the answers.
    os.dup2(2, 1)
    model, classes = None, []
    while line := requests.readline():
        # A model that never answers ends by itself, also when the process that asked was killed meanwhile.
        signal.alarm(_LONGEST_SECONDS)
        request = json.loads(line)
        body = requests.read(request["bytes"])
        try:
            if "load" in request:
                model, classes, answer = import_module(request["load"]).load_model(request["folder"]), request["classes"], b""
            else:
                answer = _answer(model, request["method"], body, classes)
        except Exception as error:  # noqa: BLE001 - whatever a model raises goes to the process that asked
            answers.write(json.dumps({"error": f"{type(error).__name__}: {error}"[:2000]}).encode() + b"\n")
        else:
            answers.write(json.dumps({"bytes": len(answer)}).encode() + b"\n" + answer)
        answers.flush()
        signal.alarm(0)


def _answer(model: Any, method: str, rows: bytes, classes: list[Any]) -> bytes:
    """Numbers, as they lie in memory: of a predicted class its place among the classes."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    answers = np.asarray(getattr(model, method)(pa.ipc.open_stream(rows).read_all().to_pandas()))
    if method == "predict" and classes:
        answers = pd.Index(classes).get_indexer(answers.ravel())
    return answers.astype("<f8").tobytes()


if __name__ == "__main__":
    main()
