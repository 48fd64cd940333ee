"""What all tasks together remember about messages: on the object store, with compare-and-set.

While the store is down nothing is remembered: a message is then sent without grouping or counting.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from include.alerts.throttle import Flow

# Seconds.
_PATIENCE = 3.0
_log = logging.getLogger(__name__)
Answer = TypeVar("Answer")


class Updated(NamedTuple, Generic[Answer]):
    """What a step answered, and whether it could be remembered."""

    answer: Answer
    remembered: bool


def update(step: "Callable[[Flow], tuple[Flow, Answer]]", *, store_is_down: bool = False) -> "Updated[Answer]":
    """Replace what is remembered by the first value of `step`; the second one is the answer.

    Where nothing can be remembered `step` gets None: one message too many is better than one too few.
    """
    from include.alerts.throttle import Flow
    from include.errors import ProvingGroundError

    if not store_is_down:
        try:
            return Updated(_in_store(step), remembered=True)
        except ProvingGroundError as error:
            _log.warning("nothing can be remembered about this message, so it is neither grouped nor counted: %s", error)
    return Updated(step(Flow())[1], remembered=False)


def _in_store(step: "Callable[[Flow], tuple[Flow, Answer]]") -> Answer:
    from include.alerts.throttle import Flow
    from include.services import reader

    answers: list[Answer] = []

    def revised(flow: Flow | None) -> Flow:
        flow, answer = step(flow or Flow())
        answers[:] = [answer]
        return flow

    # A store that is down has been waited for long enough by the task itself.
    reader(patience=2).latest.revise_messages(Flow, revised, within=_PATIENCE)
    return answers[0]
