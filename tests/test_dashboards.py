"""The dashboards for Grafana: of figures that there are, drawn where they can be seen.

That Prometheus answers each of their queries is shown by `make test-grown-up`.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.reports.prometheus import _COUNTERS, _GAUGES, MESSAGES

FOLDER = Path(__file__).parents[1] / "deploy" / "grafana"
BOARDS: dict[str, Any] = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("dashboards/*.json"))}
KNOWN = {*_GAUGES, *(f"{name}_total" for name in (*_COUNTERS, MESSAGES))}


def queries(model: str) -> list[str]:
    """Every query of every dashboard, as Grafana sends it about a model."""
    expressions = [
        target["expr"] for dashboard in BOARDS.values() for panel in dashboard["panels"] for target in panel["targets"]
    ]
    expressions += [
        re.sub(r"label_values\((\w+), (\w+)\)", r"group by (\2) (\1)", variable["query"]["query"])
        for dashboard in BOARDS.values()
        for variable in dashboard["templating"]["list"]
    ]
    return [query.replace("$model", model).replace("$__range", "1h") for query in expressions]


def test_there_is_one_of_all_models_and_one_of_each() -> None:
    """Grafana finds both by their own names, and each leads to the other."""
    assert {name: dashboard["uid"] for name, dashboard in BOARDS.items()} == {
        "model": "proving-ground-model",
        "models": "proving-ground-models",
    }
    assert "/d/proving-ground-model?" in json.dumps(BOARDS["models"])


@pytest.mark.parametrize("query", queries("any"))
def test_every_metric_of_a_dashboard_query_is_exported(query: str) -> None:
    """A metric that was renamed would leave its panel empty for ever."""
    assert set(re.findall(r"proving_ground_(\w+)", query)) <= KNOWN
    assert "$" not in query


@pytest.mark.parametrize("name", BOARDS)
def test_panels_say_what_they_show_and_cover_no_other(name: str) -> None:
    """Each has a sentence, a place of its own, and the data source that is provisioned."""
    (source,) = yaml.safe_load((FOLDER / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    taken: set[tuple[int, int]] = set()
    panels = BOARDS[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["description"].endswith(".")
        assert panel["datasource"]["uid"] == source["uid"]
        place = panel["gridPos"]
        cells = {
            (x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_every_figure_of_a_model_is_on_a_dashboard_or_in_an_alert() -> None:
    """Every exported metric is shown on a dashboard."""
    seen = json.dumps(BOARDS) + (FOLDER.parent / "prometheus/rules.yml").read_text()
    assert sorted(name for name in KNOWN if f"proving_ground_{name}" not in seen) == []


def units() -> list[tuple[str, str, str]]:
    """The title, query and unit of every figure: of a table each column has its own."""
    found = []
    for dashboard in BOARDS.values():
        for panel in dashboard["panels"]:
            unit, columns = panel["fieldConfig"]["defaults"]["unit"], {}
            for override in panel["fieldConfig"].get("overrides", []):
                of_column = {one["id"]: one["value"] for one in override["properties"]}
                columns[override["matcher"]["options"]] = of_column.get("unit", unit)
            names: dict[str, str] = {}
            for one in panel.get("transformations", []):
                names |= one["options"].get("renameByName", {})
            for target in panel["targets"]:
                column = names.get(f"Value #{target['refId']}", panel["title"])
                found.append((column, target["expr"], columns.get(column, unit)))
    return found


@pytest.mark.parametrize(("title", "query", "unit"), units())
def test_every_figure_has_the_unit_of_its_metric(title: str, query: str, unit: str) -> None:
    """A time is shown as a duration and a share as a percentage; what has no unit has none."""
    counted = query.startswith(("count(", "sum("))
    if "quality_against_reference" in query or counted:
        expected = "short"
    elif "time() -" in query or re.search(r"_seconds\b", query):
        expected = "s"
    elif re.search(r"_ratio\b", query) or " / " in query:
        expected = "percentunit"
    else:
        expected = "short"
    assert unit == expected, f"{title}: {query}"


def test_titles_are_the_words_of_the_field() -> None:
    """A title is a noun that stands alone: on a wall no one can ask what "ago" refers to."""
    titles = {panel["title"] for dashboard in BOARDS.values() for panel in dashboard["panels"]}
    assert {"Champion age", "Time since last check", "Pending reviews", "Drift", "Quarantined rows"} <= titles
    assert not any(title.endswith((" ago", " for", " waits", "at first")) for title in titles)
