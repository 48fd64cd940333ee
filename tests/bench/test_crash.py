"""Some of `make bench-crash` in every run of the tests: real servers, a real process, a real `kill -9`."""

import pytest

from bench.crash import Fault, Trials, faults_of, survive
from deploy.local.stack import Stack
from include.models import find_model
from include.services import build_services


@pytest.mark.parametrize("change", ["promote", "roll_back"])
def test_killed_or_cut_off_between_two_requests_the_rerun_leaves_what_it_should(
    change: str, seaweedfs: Stack, mlflow_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every seventeenth of the cases: one champion, the right one, a whole ledger, the same aliases and tags."""
    for name, value in seaweedfs.environment().items():
        monkeypatch.setenv(name, value)
    found = survive(Trials(build_services(), find_model("traffic_volume")), change, every=17)
    assert found["broken"] == []
    assert found["cases"] >= 5
    assert sum(count for ended, count in found["ends"].items() if "died" in ended) >= 2


def test_the_cases_are_all_there_are() -> None:
    """A kill before and after each write, an outage from each request on."""
    assert faults_of(["GET", "PUT"]) == [Fault("before", 2), Fault("after", 2), Fault("outage", 1), Fault("outage", 2)]
