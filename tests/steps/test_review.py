"""Review: only `promote` is approved."""

import pytest

from include.references import Verdict
from tests.toy import World, day


@pytest.mark.parametrize(
    ("word", "approved"), [("promote", True), ("keep", False), ("inconclusive", False), ("blocked", False)]
)
def test_only_promote_is_approved(world: World, word: str, approved: bool) -> None:
    """No answer, no evidence and a lost comparison all mean no; who said so is kept."""
    verdict = Verdict.model_validate(
        {"verdict": word, "reasons": ("because",), "version": "2", "artifact_digest": "d", "champion_version": "1"}
    )
    approval = world.do("review", day(1), verdict=verdict)
    assert (approval.approved, approval.by) == (approved, "the gate")
