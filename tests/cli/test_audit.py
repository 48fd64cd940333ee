"""`audit` never calls a lock sound that was not looked up."""

from typing import Any

from include.cli.audit import verdict

SOUND: dict[str, Any] = {"name": "a", "version": "1", "vulns": []}
HIT: dict[str, Any] = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
SKIPPED: dict[str, Any] = {"name": "c", "version": "3", "skip_reason": "Dependency not found on PyPI"}


def test_a_lock_that_was_looked_up_whole_is_sound_or_not() -> None:
    """Sound ends well; a known vulnerability is named with the version that mends it."""
    assert verdict({"dependencies": [SOUND]}, 1)[0] == 0
    code, (line,) = verdict({"dependencies": [SOUND, HIT]}, 2)
    assert (code, line) == (1, "b 2: PYSEC-1, fixed in 3")


def test_what_could_not_be_looked_up_is_reported() -> None:
    """pip-audit itself ends well there; a finding still counts more."""
    code, (line,) = verdict({"dependencies": [SOUND, SKIPPED]}, 2)
    assert code == 2
    assert line.startswith("1 of 2 packages could not be looked up")
    assert verdict({"dependencies": []}, 290)[0] == 2
    assert verdict({"dependencies": [HIT, SKIPPED]}, 2)[0] == 1
