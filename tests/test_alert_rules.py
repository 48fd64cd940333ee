"""The rules for alerts: about figures that there are, and each with words for who is woken by it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.reports.prometheus import _GAUGES, MESSAGES

ROOT = Path(__file__).parents[1]
RULES: list[dict[str, Any]] = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())["groups"][0]["rules"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_metric_of_an_alert_rule_is_exported(rule: dict[str, Any]) -> None:
    """A metric that was renamed would leave its alert silent for ever."""
    asked = set(re.findall(r"proving_ground_(\w+)", rule["expr"]))
    assert asked <= {*_GAUGES, f"{MESSAGES}_total"}
    assert asked or "up{" in rule["expr"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    """Each alert says what to do, and has its row in the runbook."""
    assert rule["annotations"]["description"]
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert f"| `{rule['alert']}` |" in (ROOT / "docs/runbook.md").read_text()


def test_every_alert_has_a_test() -> None:
    """Each is named in the tests that promtool runs."""
    rule_tests = (ROOT / "deploy/prometheus/rules_test.yml").read_text()
    assert [rule["alert"] for rule in RULES if rule["alert"] not in rule_tests] == []
