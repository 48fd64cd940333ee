"""Worlds that many tests begin with: made once, copied for each test."""

import copy
import functools

import pytest

from tests.toy import World


@functools.cache
def _with_champion() -> World:
    return World().with_champion()


@pytest.fixture
def world() -> World:
    """Nothing has been delivered yet."""
    return World()


@pytest.fixture
def seasoned() -> World:
    """Version 1 is champion: trained on days 0 to 5, proved on days 6 and 7."""
    return copy.deepcopy(_with_champion())
