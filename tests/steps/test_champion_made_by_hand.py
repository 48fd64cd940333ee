"""A champion that a person registered by hand lacks the pipeline's tags: every step that needs one names it and stops."""

from typing import Any

import pytest

from include.errors import RegistryError
from tests.toy import World, day


@pytest.mark.parametrize(
    ("step", "tag"), [("assemble", "trained_until"), ("detect_drift", "train_digest"), ("measure_quality", "proved_value")]
)
def test_the_tag_that_is_missing_is_named(seasoned: World, step: str, tag: str) -> None:
    """With the version that lacks it and what to do; a comparison without it would be unsound, so none is made."""
    seasoned.deliver_day(8)
    checked = seasoned.take_in(day(10))
    scored = seasoned.scored(day(9))
    seasoned.registry.retag("1", {name: value for name, value in seasoned.registry.versions["1"].tags.items() if name != tag})
    given: dict[str, dict[str, Any]] = {"detect_drift": {"checked": checked, "scored": scored}}
    inputs = given | {"assemble": {}, "measure_quality": {"scored": scored}}
    with pytest.raises(RegistryError, match=rf"toy version 1 has no tag {tag}.*Move the alias") as refusal:
        seasoned.do(step, day(10), **inputs[step])
    assert not refusal.value.transient
