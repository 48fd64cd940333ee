"""Does the champion survive? `kill -9` at every write, and a server that goes away at every call, of promote and roll_back.

Against a real MLflow and a real object store. The requests are found by watching the HTTP clients, not from a list: a process
of its own makes the change and is killed before the n-th writing request leaves, or right after it was answered; or from the
n-th request on one server gives no answer. Then the task is run again, as Airflow does, and compared
is what it leaves with what an undisturbed run leaves.
"""

import json
import logging
import os
import signal
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.tracking import MlflowClient
from rich.console import Console

from bench import results
from bench.in_process import stores
from include.adapters.registry import Training, Version
from include.errors import ProvingGroundError
from include.models import find_model
from include.models.contract import Model
from include.request import Request
from include.results import Approval, Verdict, VerifiedTarget
from include.services import Services, StepContext, build_services

AS_OF = datetime(2026, 1, 5, tzinfo=UTC)
PAGE = Path(__file__).parent.parent / "docs/registry.md"
_READS = ("GET", "HEAD")
_DIED, _FAILED, _DONE, _UNCLEAR = "died", "failed", "done", "failed with an error that is no outage"


@dataclass(frozen=True)
class Fault:
    """What goes wrong at the n-th request, from 1: `before` or `after` it the process is killed, or an `outage` begins."""

    how: str = ""
    at: int = 0


@dataclass(frozen=True)
class FinalState:
    """What a change leaves: aliases, names of tags by version, the champion by the ledger, and the words of its entries."""

    aliases: dict[str, str]
    tags: dict[str, tuple[str, ...]]
    champion: str | None
    words: dict[str, int]


class Trials:
    """Changes of champions among versions of one artifact; each trial has a registered model of its own."""

    def __init__(self, services: Services, model: Model) -> None:
        self._services, self._model = services, model
        self._first = _registered(services, model)
        self._digest = services.registry.artifact_digest(model.name, self._first.number)
        uri = services.settings.mlflow_tracking_uri
        self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        registered = self._client.get_model_version(model.name, self._first.number)
        self._source, self._run_id = str(registered.source), str(registered.run_id)
        self._trials, self._prefix = 0, f"crash_{uuid.uuid4().hex[:8]}"

    def before(self) -> Model:
        """A model with three versions, of which 2 has replaced 1, and 3 is the challenger."""
        self._trials += 1
        model = replace(self._model, name=f"{self._prefix}_{self._trials}")
        self._client.create_registered_model(model.name)
        for _ in range(3):
            self._client.create_model_version(
                model.name,
                self._source,
                self._run_id,
                model_id=self._source.rsplit("/", 1)[-1],
                await_creation_for=0,
            )
        self._promote(model, "1", None)
        self._promote(model, "2", "1")
        self._services.registry.set_alias(model.name, "challenger", "3")
        return model

    def change(self, name: str, model: Model, services: Services) -> None:
        """`promote` version 3, or `roll_back` to version 1."""
        if name == "promote":
            self._promote(model, "3", "2", services)
        else:
            target = VerifiedTarget(target="1", current="2", artifact_digest=self._digest, sample="none")
            import_module("include.steps.roll_back").run(StepContext(services, model, _request("roll_back")), target)

    def _promote(self, model: Model, version: str, champion: str | None, services: Services | None = None) -> None:
        verdict = Verdict(
            verdict="promote",
            reasons=("better",),
            version=version,
            artifact_digest=self._digest,
            champion_version=champion,
            holdout_digest="of the same rows",
        )
        yes = Approval(approved=True, by="the gate", evidence=verdict.evidence)
        step = import_module("include.steps.promote").run
        step(StepContext(services or self._services, model, _request(f"promote {version}")), verdict, yes)

    def left(self, model: Model) -> FinalState:
        """What is there now.

        Raises:
            LedgerBroken: the chain is not whole.
        """
        registry, entries = self._services.registry, self._services.ledger.proved(model.name)
        aliases, _ = registry.overview(model.name)
        tags = {number: _names(registry.version(model.name, number).tags) for number in ("1", "2", "3")}
        assert entries[-1].after.moving is None, "an intent without an outcome"
        return FinalState(aliases, tags, entries[-1].champion, Counter(entry.event for entry in entries))


def _names(tags: dict[str, str]) -> tuple[str, ...]:
    """Names of tags, without the numbers of the entries, which those about a death move on."""
    about_a_death = (".abandoned", ".promoting", ".rolling_back", ".restoring")
    return tuple(sorted({name.rsplit(".", 1)[-1] for name in tags if not name.endswith(about_a_death)}))


def _request(run_id: str) -> Request:
    return Request(as_of=AS_OF, reason="bench", run_id=run_id, reason_given=True, asked_by="bench")


def _registered(services: Services, model: Model) -> Version:
    """A version of the model's own pipeline, fitted on rows that were made up."""
    days = pd.date_range("2025-01-01", periods=200, freq="h")
    rows = pd.DataFrame(
        {
            column.name: [float(turn % 7) for turn in range(len(days))]
            if column.kind == "number"
            else [("a", "b")[turn % 2] for turn in range(len(days))]
            for column in model.features
        }
    )
    pipeline = model.candidate.pipeline().fit(rows, [float(turn % 5) for turn in range(len(rows))])
    training = Training(
        key=uuid.uuid4().hex,
        params={},
        metrics={},
        tags={"trained_until": AS_OF.isoformat()},
        requirements=["scikit-learn"],
        dataset_name="made up",
        dataset_digest="0",
    )
    return services.registry.register(model, pipeline, rows.head(5), training)


# A process of its own, and what happens to its requests


def in_a_process(work: Callable[[], None], fault: Fault) -> tuple[str, list[str]]:
    """Fork, watch the requests, let the fault happen; how it ended, and the methods of the requests that were made."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os._exit(_perform(work, fault, writing))
    os.close(writing)
    with os.fdopen(reading) as pipe:
        methods = [line.strip() for line in pipe if line.strip()]
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return _DIED, methods
    return {0: _DONE, 1: _FAILED}.get(os.WEXITSTATUS(status), _UNCLEAR), methods


def _perform(work: Callable[[], None], fault: Fault, pipe: int) -> int:
    try:
        with watched(fault, lambda method: os.write(pipe, f"{method}\n".encode())):
            work()
    except ProvingGroundError as error:
        return 1 if error.transient else 2
    except BaseException as error:  # noqa: BLE001 - the exit status reports it to the parent
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 3
    return 0


@contextmanager
def watched(fault: Fault, report: Callable[[str], object]) -> Iterator[None]:
    """Every HTTP request of MLflow's and of boto3's client is counted, and meets the fault."""
    import botocore.httpsession
    import requests
    from botocore.exceptions import EndpointConnectionError

    seen = 0
    cut_off = ""

    def meeting(send: Any, server: str, no_answer: Callable[[Any], Exception]) -> Any:
        def sent(self: Any, request: Any, *args: Any, **named: Any) -> Any:
            nonlocal seen, cut_off
            seen += 1
            report(request.method)
            if fault.how == "outage" and seen == fault.at:
                cut_off = server
            if cut_off == server:
                raise no_answer(request)
            if (fault.how, fault.at) == ("before", seen):
                os.kill(os.getpid(), signal.SIGKILL)
            answer = send(self, request, *args, **named)
            if (fault.how, fault.at) == ("after", seen):
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return sent

    originals: Any = (requests.Session.send, botocore.httpsession.URLLib3Session.send, time.sleep)
    requests.Session.send = meeting(  # type: ignore[method-assign]
        originals[0], "mlflow", lambda _: requests.exceptions.ConnectionError("no answer")
    )
    botocore.httpsession.URLLib3Session.send = meeting(  # type: ignore[method-assign]
        originals[1], "store", lambda request: EndpointConnectionError(endpoint_url=request.url)
    )
    if fault.how == "outage":
        # boto3 waits between its tries; here nothing would change meanwhile.
        time.sleep = lambda _: None
    try:
        yield
    finally:
        requests.Session.send, botocore.httpsession.URLLib3Session.send, time.sleep = originals  # type: ignore[method-assign]


# All of it


def faults_of(methods: list[str], every: int = 1) -> list[Fault]:
    """A kill before and after each writing request, an outage from each request on; `every` takes only some of them."""
    writes = [number for number, method in enumerate(methods, start=1) if method not in _READS]
    kills = [Fault(how, number) for number in writes for how in ("before", "after")]
    return (kills + [Fault("outage", number) for number in range(1, len(methods) + 1)])[::every]


def survive(trials: Trials, name: str, every: int = 1, report: Callable[[str], object] = print) -> dict[str, Any]:
    """Every fault of one change; what went wrong is in `broken`, empty when nothing did."""
    model = trials.before()
    ended, methods = in_a_process(lambda: trials.change(name, model, build_services()), Fault())
    assert ended == _DONE, f"undisturbed, {name} {ended}"
    calm, broken, ends = trials.left(model), [], Counter[str]()
    faults = faults_of(methods, every)
    for number, fault in enumerate(faults, start=1):
        model = trials.before()
        ended, _ = in_a_process(lambda model=model: trials.change(name, model, build_services()), fault)  # type: ignore[misc]
        ends[f"{fault.how}: {ended}"] += 1
        if wrong := _wrong(trials, name, model, calm):
            broken.append(f"{name}, {fault.how} request {fault.at}: {wrong}")
        if number % 25 == 0:
            report(f"{name}: {number} of {len(faults)}")
    return {
        "requests": len(methods),
        "writes": sum(method not in _READS for method in methods),
        "cases": len(faults),
        "ends": dict(ends),
        "broken": broken,
    }


def _wrong(trials: Trials, name: str, model: Model, calm: FinalState) -> str:
    """What is not as it should be, at once after the fault and after the rerun; empty when all is well."""
    aliases, _ = trials._services.registry.overview(model.name)
    if aliases.get("champion") not in ("2", calm.champion):
        return f"after the fault the champion is {aliases.get('champion')}"
    trials.change(name, model, build_services())
    left = trials.left(model)
    if left.words.get("promoting", 0) + left.words.get("rolling_back", 0) != sum(
        left.words.get(word, 0) for word in ("promoted", "rolled_back", "abandoned")
    ):
        return f"intents and outcomes do not match: {left.words}"
    done = ("promoted", "rolled_back")
    if [left.words.get(word) for word in done] != [calm.words.get(word) for word in done]:
        return f"done {left.words}, undisturbed {calm.words}"
    same = (left.aliases, left.tags, left.champion) == (calm.aliases, calm.tags, calm.champion)
    return "" if same else f"left {left}, undisturbed {calm}"


def table(figures: dict[str, Any]) -> str:
    """The table of docs/registry.md."""
    lines = [
        "| change | requests | of them writes | killed before or after a write | cut off from a request on | cases | broken |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, change in figures.items():
        if isinstance(change, dict):
            cells = (change["requests"], change["writes"], 2 * change["writes"], change["requests"], change["cases"])
            lines.append(f"| `{name}` | {' | '.join(map(str, cells))} | {len(change['broken'])} |")
    return "\n".join(lines)


def main() -> int:
    """Kill, cut off, print, write."""
    console = Console()
    # MLflow logs each of the many outages at length.
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    with stores():
        began = time.monotonic()
        trials = Trials(build_services(), find_model("traffic_volume"))
        changes = {name: survive(trials, name, report=console.print) for name in ("promote", "roll_back")}
        seconds = time.monotonic() - began
    broken = [case for change in changes.values() for case in change["broken"]]
    figures = changes | {"cases": sum(change["cases"] for change in changes.values()), "seconds": round(seconds)}
    results.write("crash", figures, {"broken": 0}, not broken)
    results.into_page(PAGE, "crash", table(figures))
    console.print_json(json.dumps(figures))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
