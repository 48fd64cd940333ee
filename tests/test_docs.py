"""What the documents say is so."""

import importlib
import importlib.util
import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench import crash, orchestrators, pays, policy, pull
from bench.drift import tables as drift_tables
from bench.gate_rates import tables
from bench.probation import tables as probation_tables
from include.cli import model_template
from tests.models.test_contract import fits_and_predicts, survives_the_registry

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_command_is_a_target(page: Path) -> None:
    """A reader who types what a page says finds that make knows it."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+)[^:=\n]*:", makefile, flags=re.MULTILINE))
    benches = {f"bench-{path.stem}" for path in (ROOT / "bench").glob("*.py")}
    documented = set(re.findall(r"(?:`|^)make ([a-z_-]+)", page.read_text(), flags=re.MULTILINE))
    assert documented <= targets | benches


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """No page links a file or a picture that is not there."""
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    gone = [link for link in links if not link.startswith("http") and not (page.parent / link).exists()]
    assert not gone


def test_the_figures_of_the_evidence_are_the_measured_ones() -> None:
    """Every figure in the page's tables is what bench/results holds, rounded as printed."""
    text = (ROOT / "docs/evidence.md").read_text()
    overhead = results("overhead")
    for row in (f"{overhead['rows']:,} rows", f"{overhead['ratio_cpu']:.2f} times the CPU seconds"):
        assert row in text, row
    for tried in results("search_queries")["tried"]:
        if not tried["what"].startswith("ordinary") or tried["champion_clean"] is None:
            row = f"| {tried['clean']:.3f} | {tried['noisy']:.3f} | {tried['misspelt']:.3f} | ship | **{tried['verdict']}**"
            assert row in text, row


def test_the_requests_of_a_run_are_the_counted_ones() -> None:
    """As `bench-requests` counted them."""
    text, figures = (ROOT / "docs/evidence.md").read_text(), results("requests")
    for said, stage in (("a check", "monitor"), ("a retraining", "retrain")):
        counts = [figures[f"{stage}_{periods}"][which]["S3"] for which in ("now", "before") for periods in (10, 60)]
        assert f"| {said} | {' | '.join(f'{count:,}' for count in counts)} |" in text


@pytest.mark.parametrize("name", ["loop_card_fraud", "loop_support_intents"])
def test_what_the_loop_made_of_the_stories_is_what_was_measured(name: str) -> None:
    """Every number that the page gives, and the days on which drift and decay were reported."""
    text, found = (ROOT / "docs/stories.md").read_text(), results(name)
    expected = (
        [day for day in (found["drift_first_reported_as_of"], found["decay_first_reported_as_of"]) if day]
        if found["change_began"]
        else [f"{found['loop']:.3f}"]
    )
    expected += [f"{found[key]:.3f}" for key in ("static_last_weeks", "loop_last_weeks", "loop_lowest_four_weeks")]
    for number in (*expected, f"{found['retrains']} trainings"):
        assert number in text, number


def test_the_figures_of_the_loop_are_the_measured_ones() -> None:
    """What it keeps of the best fixed way's gain is what the benchmark prints from its result, in both places."""
    histories = results("pays")["histories"]
    assert pays.table(histories) in (ROOT / "docs/replay.md").read_text()
    assert pays.short_table(histories) in (ROOT / "docs/evidence.md").read_text()


def test_the_figures_of_drift_are_the_measured_ones() -> None:
    """Its tables are those that the benchmark prints from its result."""
    assert drift_tables(results("drift")) in (ROOT / "docs/drift.md").read_text()


def test_the_figures_of_probation_are_the_measured_ones() -> None:
    """Bounds, false alarms and power are those that the benchmark prints from its result."""
    assert probation_tables(results("probation")) in (ROOT / "docs/probation.md").read_text()


def test_the_number_of_deaths_is_the_measured_one() -> None:
    """What the page says was killed and cut off is what the benchmark did, and nothing of it was broken."""
    found = results("crash")
    assert crash.table(found) in (ROOT / "docs/registry.md").read_text()
    assert [case for name in ("promote", "roll_back") for case in found[name]["broken"]] == []


def test_the_figures_of_pulls_are_the_measured_ones() -> None:
    """The table is the one that the benchmark prints."""
    found = results("pull")
    assert pull.table(found["readers"], found["ratio"], found["whole"]) in (ROOT / "docs/sources.md").read_text()


def test_what_the_orchestrators_cost_is_what_was_measured() -> None:
    """The table of the page is the one that the benchmark prints."""
    assert orchestrators.table(results("orchestrators")) in (ROOT / "docs/prefect.md").read_text()


def results(name: str) -> Any:
    return json.loads((ROOT / f"bench/results/{name}.json").read_text())["figures"]


def test_the_figures_of_the_gate_are_the_measured_ones() -> None:
    """Its tables are those that the benchmarks print from their results, and its speeds are rounded from them."""
    text = (ROOT / "docs/gate.md").read_text()
    rates, speed, noise = results("gate_rates"), results("gate_speed"), results("noise")
    assert tables(rates) in text
    for number in (
        f"| {speed['cpu seconds']['ours']:.2f} | 1 |",
        f"| {speed['against aims']['against the loop, times']:,.0f} |",
        f"that is {speed['against aims']['bootstrap against bootstrap, times']:,.0f} times",
        f"{speed['a million rows']['peak memory MB']:,.0f} MB",
        f"The suite takes {noise['suite_seconds']:.1f} s",
        *(f"{name} {times:.1f}" for name, times in noise["times_the_peer"].items()),
    ):
        assert number in text, number


def test_the_figures_of_the_replays_are_the_measured_ones() -> None:
    """The table is the one that the benchmark prints, and each history's sentence is the one that its page begins with."""
    text = (ROOT / "docs/replay.md").read_text()
    histories = results("policy")["histories"]
    assert policy.table(histories) in text
    for name, figures in histories.items():
        assert f"`{name}`: {figures['sentence']}" in " ".join(text.split()), name


def test_the_figures_of_the_stories_are_the_measured_ones() -> None:
    """Every row of their tables is what bench/results holds, rounded as printed."""
    text, found = (ROOT / "docs/stories.md").read_text(), results("stories")
    for seed, measured in _seeds(found["card_fraud"]):
        weekly = measured.get("every week")
        often = f"{weekly['all weeks']:.3f} | {weekly['lowest four weeks']:.3f}" if weekly else "not measured | not measured"
        rarely, static = measured["every 4 weeks"], measured["static"]
        assert (
            f"| {seed} | {static['first weeks']:.3f} | {static['last weeks']:.3f} | {often} | "
            f"{rarely['all weeks']:.3f} | {rarely['last weeks']:.3f} |"
        ) in text, seed
    for seed, measured in _seeds(found["support_intents"]):
        new, static = measured["never seen"], measured["static"]
        assert (
            f"| {seed} | {new['first']:.1%} | {new['last weeks']:.1%} | {static['first weeks']:.3f} | "
            f"{static['last weeks']:.3f} | {measured['every 4 weeks']['last weeks']:.3f} |"
        ) in text, seed


def _seeds(measured: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(seed, figures) for seed, figures in measured.items() if seed.isdigit()]


def test_the_recipe_of_a_search_keeps_the_model_contract() -> None:
    """The page's code as it stands: in the template's model it fits, and all of its space can be kept by the registry."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "your_model.md").read_text(), re.DOTALL)
    code = next(block for block in blocks if "TUNED" in block)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "recipe.py").write_text(code)
        spec = importlib.util.spec_from_file_location("recipe", f"{folder}/recipe.py")
        assert spec is not None
        assert spec.loader is not None
        recipe = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(recipe)
        model = replace(model_template.MODEL, candidates=(recipe.TUNED,))
        fits_and_predicts(model)
        survives_the_registry(model)


@pytest.mark.parametrize(
    ("example", "module", "name"),
    [("metric", "include.decisions.scoring.metrics", "_bias"), ("corruption", "include.noise.numeric", "halved")],
)
def test_what_a_contributor_is_shown_works_in_its_module(example: str, module: str, name: str) -> None:
    """The example of CONTRIBUTING.md, put where it says: it uses what the module has, and does what the page says."""
    found = re.search(rf"```python\n# example: {example}\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    assert found
    names = dict(vars(importlib.import_module(module)))
    exec(found[1], names)
    if example == "metric":
        value, influence = names[name](np.array([1.0, 2.0]), np.array([2.0, 5.0]))
        assert (value, influence.tolist()) == (2.0, [-1.0, 1.0])
    else:
        spoilt = names[name](pd.Series([2.0, 4.0, 0.0]), 1.0, np.random.default_rng(1))
        assert spoilt.tolist() == [1.0, 2.0, 0.0]


def test_the_first_screen_says_what_was_measured() -> None:
    """The three figures that a visitor sees first are those of bench/results, rounded; and the page is short."""
    text = (ROOT / "README.md").read_text()
    said = " ".join(text.split())
    years = [one["false alarms a year"] for one in results("drift")["years"].values()]
    assert f"{min(years):.1f} to {max(years):.1f} false drift alarms" in said
    shares = [one["shares"] for one in results("gate_rates")["cells"] if one["truth"] == "+0"]
    equal = [100 * share["change lane"].get("promote", 0.0) for share in shares]
    assert f"{sum(equal) / len(equal):.1f} % of comparisons" in said
    points = [share["point estimate"].get("promote", 0.0) for share in shares]
    assert 0.45 < min(points) <= max(points) < 0.55
    tried = [(f"{one['clean']:.2f}", f"{one['noisy']:.2f}", one["verdict"]) for one in results("search_queries")["tried"]]
    assert {("0.92", "0.58", "keep"), ("0.91", "0.83", "promote")} <= set(tried)
    for number in ("0.92", "0.58", "0.91", "0.83"):
        assert number in said
    assert len(text.splitlines()) <= 150
