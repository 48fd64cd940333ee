"""The task `review`: where a person has to answer, it waits for that, and holds no worker meanwhile.

In Airflow it waits as the human-in-the-loop operator does; for an answer in MLflow it leaves a trigger behind. What is asked,
and what an answer is worth, is decided in `include/steps/review.py`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param

from airflow_tasks import run_step
from include.decisions.gate.review import name_of, why_of
from include.models.contract import Model
from include.results import SHORT
from registry_review_trigger import RegistryReviewTrigger

APPROVE, REJECT = "Approve", "Reject"
# Under this key an answer outlives tries of the task: no person answers twice because MLflow was down for a moment.
_ANSWER = "answer"


class ReviewOperator(HITLOperator):
    """Performs `review` for a model, with the verdict that another task returned; returns the approval as plain values."""

    # Not subject and body: they hold text from outside, and nothing in them is a template.
    template_fields = ("verdict",)

    def __init__(self, *, model: Model, verdict: Any, params: Any = None, **kwargs: Any) -> None:
        # Airflow hands the fields of the DAG's own form in as `params`: those are not what a reviewer fills in.
        super().__init__(
            subject=f"{model.name}: may the challenger become champion?",
            options=[APPROVE, REJECT],
            defaults=REJECT,
            params={"why": _why()},
            assigned_users=[{"id": user, "name": user} for user in model.review.reviewers],
            response_timeout=model.review.within,
            **kwargs,
        )
        self.model, self.verdict = model, verdict

    def execute(self, context: Any) -> Any:
        """The approval; where a person has to answer first, the task is parked, and goes on in one of the methods below."""
        approval = self._perform(context, context["task_state_store"].get(_ANSWER))
        question = approval["question"]
        if not question:
            return approval
        if question["where"] == "registry":
            self._watch(question)
        # The answer carries what it is about: a cleared task shows the question of its first try, whatever is asked now.
        self.options = [f"{word} {question['evidence'][:SHORT]}" for word in (APPROVE, REJECT)]
        self.defaults = self.options[1:]
        self.subject, self.body = question["subject"], question["body"]
        self.response_timeout = datetime.fromisoformat(question["until"]) - datetime.now(UTC)
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """A person answered in Airflow, or the time is over. Airflow checks neither form nor length of what REST sends."""
        if "error" in event:
            self.process_trigger_event_error(event)
        answer = answer_in(event)
        context["task_state_store"].set(_ANSWER, answer)
        return self._perform(context, answer)

    def look_again(self, context: Any, event: dict[str, Any]) -> Any:
        """MLflow holds something new, or the time is over."""
        approval = self._perform(context, {"decision": None} if event["expired"] else None)
        if approval["question"]:
            self._watch(approval["question"])
        return approval

    def _perform(self, context: Any, answer: Any) -> dict[str, Any]:
        given = {"answer": answer} if answer else {}
        approval = run_step("review", self.model, context, verdict=self.verdict, **given)
        if answer:
            # Decided: a task that is cleared later asks anew, unless the ledger has a person's answer.
            context["task_state_store"].delete(_ANSWER)
        return approval

    def _watch(self, question: Mapping[str, Any]) -> NoReturn:
        details = {name: question[name] for name in ("version", "evidence", "needs_reason", "until", "reviewers")}
        trigger = RegistryReviewTrigger(model_name=self.model.name, asked=details)
        self.defer(trigger=trigger, method_name="look_again")
        raise AssertionError("defer always raises")


def answer_in(event: Mapping[str, Any]) -> dict[str, Any]:
    """What a person answered in Airflow, as plain values; no decision where it was the default of the time-out."""
    user = event.get("responded_by_user")
    if event.get("timedout") or not user:
        return {"decision": None}
    name, user_id = name_of(user["name"]), name_of(user["id"])
    filled = event.get("params_input")
    why = filled.get("why") if isinstance(filled, Mapping) else None
    at, chosen = event["responded_at"], [option.partition(" ") for option in event["chosen_options"]]
    return {
        "decision": "approve" if [word for word, _, _ in chosen] == [APPROVE] else "reject",
        "evidence": chosen[0][2],
        "by": name if name == user_id else f"{name} ({user_id})",
        "why": why_of(why) if isinstance(why, str) else "",
        "at": at.isoformat() if isinstance(at, datetime) else at,
    }


def _why() -> Param:
    return Param(
        None,
        # Without null, Airflow keeps both buttons disabled until the field is filled in.
        type=["null", "string"],
        maxLength=500,
        title="Why",
        source="task",
        description="Kept with your name in the ledger and on the version. An override of the gate does not count without it.",
    )
