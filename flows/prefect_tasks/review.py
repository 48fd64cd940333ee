"""The step `review`: where a person has to answer, the flow run is suspended, and holds no process meanwhile.

In Prefect the run's page shows the question with a form; for an answer in MLflow, `watch.py` looks there and resumes the run.
What is asked, and what an answer is worth, is decided in `include/steps/review.py`.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from typing import Annotated, Any, Literal

from prefect import suspend_flow_run
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectHTTPStatusError
from prefect.input import RunInput
from pydantic import AfterValidator, Field, WithJsonSchema

from flows.prefect_tasks.steps import Result, Steps

# Under this key a run that waits keeps what it waits for.
QUESTION = "question"


def review(perform: Steps, verdict: Result) -> Result:
    """The approval; asks until there is one."""
    answer: dict[str, Any] | None = None
    for look in count():
        given: dict[str, Any] = {"answer": answer} if answer else {}
        approval = perform("review", f"({look})" if look else "", verdict=verdict, **given).result()
        question = approval["question"]
        if not question:
            return dict(approval)
        answer = _answer(question, f"{question['evidence'][:12]}-{look}")
    raise AssertionError("counting does not end")


def _answer(question: dict[str, Any], key: str) -> dict[str, Any] | None:
    """What a person answered, once the run is resumed; None where MLflow may hold something new."""
    _remember(question)
    if question["where"] == "registry":
        suspend_flow_run(key=key)
        over = datetime.now(UTC) >= datetime.fromisoformat(question["until"])
        return {"decision": None} if over else None
    form = answer_form(question["reviewers"]).with_initial_data(description=f"## {question['subject']}\n\n{question['body']}")
    given = suspend_flow_run(wait_for_input=form, key=key)
    return answer_in(given, question["evidence"])


def answer_in(given: Any, evidence: str) -> dict[str, Any]:
    """The form's values as `include/steps/review.py` takes them."""
    if given.decision is None:
        return {"decision": None}
    at = datetime.now(UTC).isoformat()
    return {"decision": given.decision, "by": given.who, "why": given.why, "at": at, "evidence": evidence[:12]}


def answer_form(reviewers: Sequence[str]) -> type[RunInput]:
    """The form for these reviewers; any name where there are none."""

    class Review(RunInput):
        # A form has two answers; None is what is filled in when the time is over.
        decision: Annotated[
            Literal["approve", "reject"] | None,
            WithJsonSchema({"type": "string", "enum": ["approve", "reject"], "title": "Decision"}),
        ]
        who: Annotated[
            str,
            Field(
                title="Your name",
                description="Kept in the ledger. Prefect has one login for all, so it is believed as it is written.",
                min_length=1,
                max_length=100,
                json_schema_extra={"enum": list(reviewers)} if reviewers else None,
            ),
            AfterValidator(_one_of(reviewers)),
        ]
        why: Annotated[
            str,
            Field(
                title="Why",
                description="Kept with your name in the ledger and on the version. An override of the gate does not count "
                "without it.",
                max_length=500,
            ),
        ] = ""

    return Review


def _one_of(reviewers: Sequence[str]) -> Any:
    def check(name: str) -> str:
        if reviewers and name not in reviewers:
            raise ValueError(f"{name!r} may not answer; {', '.join(reviewers)} may")
        return name

    return check


def _remember(question: dict[str, Any]) -> None:
    """Beside the run, for `watch.py`."""
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    kept = {name: question[name] for name in ("where", "version", "evidence", "needs_reason", "until", "reviewers")}
    with get_client(sync_client=True) as client:
        path = f"/flow_runs/{context.flow_run.id}/input"
        with suppress(PrefectHTTPStatusError):
            client._client.delete(f"{path}/{QUESTION}")
        client._client.post(path, json={"key": QUESTION, "value": json.dumps(kept)})
