"""Postgres keeps what every source promises."""

from tests.sources.test_source_contract import *  # noqa: F403
