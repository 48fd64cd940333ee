"""How fast is the noise made? Each corruption alone, beside tab-err where both do it, and the default suite on a million rows.

tab-err needs pandas below 2.4, so it runs in an environment of its own, made for the occasion; where that cannot be made the
answer says so and the benchmark fails. Its error masks are counted: made to run on a newer pandas it injects nothing. Best of
three, wall seconds.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from shutil import which
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from bench import results
from include.models.contract import NoisePlan
from include.noise.catalogue import BY_NAME, CORRUPTIONS, Corruption
from include.noise.conditions import condition
from include.noise.suite import SEVERE, NoiseSuite, default_suite

ROWS, LARGE_ROWS, REPEATS = 100_000, 1_000_000, 3
KINDS = {"number": 18, "category": 8, "text": 4}
SUITE_SECONDS = 60
PEER = "tab-err==0.2.1"
COMPARED = ("missing", "missing_by_value", "missing_by_other", "outlier", "unit_slip", "swap", "typo", "mojibake")

# Run by the other environment's Python: a table, the rate, the repeats. Prints rows per second and the rate really made.
_PEER_SCRIPT = """
import json, sys, time
import pandas as pd
from tab_err import error_mechanism as where, error_type as what
from tab_err.api.low_level import create_errors
frame, rate, repeats = pd.read_csv(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
tens = what.ErrorTypeConfig(wrong_unit_scaling=lambda value: value * 10)
jobs = {
    "missing": ("number", where.ECAR(), what.MissingValue()),
    "missing_by_value": ("number", where.ENAR(), what.MissingValue()),
    "missing_by_other": ("number", where.EAR("other"), what.MissingValue()),
    "outlier": ("number", where.ECAR(), what.Outlier()),
    "unit_slip": ("number", where.ECAR(), what.WrongUnit(tens)),
    "swap": ("category", where.ECAR(), what.CategorySwap()),
    "typo": ("text", where.ECAR(), what.Typo()),
    "mojibake": ("text", where.ECAR(), what.Mojibake()),
}
frame["category"] = frame["category"].astype("category")
speeds = {}
for name, (column, mechanism, kind) in jobs.items():
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        spoilt, mask = create_errors(frame[[column, "other"]], column, rate, mechanism, kind)
        best = min(best, time.perf_counter() - began)
    differs = (spoilt[column].astype(object) != frame[column].astype(object)).mean()
    speeds[name] = {"rows_per_second": round(len(frame) / best), "rate_made": float(differs)}
print(json.dumps(speeds))
"""


def main() -> int:
    """Measure, print, write."""
    alone = {corruption.name: _alone(corruption) for corruption in CORRUPTIONS}
    for name, speed in alone.items():
        print(f"{name:20} {speed:>12,} rows/s")
    peer, problem = _peer()
    # Where the peer changed nothing, there is no speed to compare with.
    times = {name: alone[name] / its["rows_per_second"] for name, its in peer.items() if its["rate_made"] > SEVERE / 2}
    for name, its in peer.items():
        faster = f"{times[name]:.1f} times" if name in times else "not compared with"
        print(f"{name:20} {faster:>18} {PEER}, which made {its['rate_made']:.3f}")
    began = time.process_time()
    suite, by_condition = _whole_suite()
    cpu_seconds, seconds = time.process_time() - began, sum(by_condition.values())
    print(f"{len(suite.plan)} conditions on {LARGE_ROWS:,} rows x {sum(KINDS.values())} columns: {seconds:.1f} s")
    figures: dict[str, Any] = {
        "rows": ROWS,
        "rate": SEVERE,
        "rows_per_second": alone,
        "peer": PEER,
        "peer_rows_per_second": {name: its["rows_per_second"] for name, its in peer.items()},
        "peer_rate_made": {name: round(its["rate_made"], 4) for name, its in peer.items()},
        "times_the_peer": {name: round(ratio, 1) for name, ratio in times.items()},
        "peer_problem": problem,
        "suite_rows": LARGE_ROWS,
        "suite_columns": KINDS,
        "suite_texts": "three columns of 50,000 distinct titles, one of which nearly every text is distinct",
        "suite_seconds": round(seconds, 1),
        "suite_cpu_seconds_with_making_the_table": round(cpu_seconds, 1),
        "suite_seconds_by_condition": {name: round(took, 2) for name, took in by_condition.items()},
    }
    fast_enough = seconds < SUITE_SECONDS and not problem
    results.write("noise", figures, {"suite_seconds": f"< {SUITE_SECONDS}", "peer_problem": "none"}, fast_enough)
    if problem:
        print(problem, file=sys.stderr)
    return 1 if problem else 0


def columns(count: int, kind: str, seed: int = 1) -> pd.Series:
    """Numbers with two decimals, 100 place names, or titles: 50,000 distinct ones, or with the seed 0 one for each row."""
    rng = np.random.default_rng(seed)
    if kind == "number":
        return pd.Series(rng.gamma(2.0, 100.0, count).round(2))
    syllables = np.array(["ba", "cor", "dun", "el", "phar", "ghi", "tion", "ka", "wick", "ton"])
    words = ["".join(word) for word in rng.choice(syllables, (500, 3)).tolist()]
    if kind == "category":
        return pd.Series(rng.choice(words[:100], count), dtype="str")
    distinct = count if seed == 0 else min(50_000, count)
    titles = np.array([" ".join(title) for title in rng.choice(np.array(words), (distinct, 5)).tolist()], dtype=object)
    return pd.Series(rng.choice(titles, count), dtype="str")


def _alone(corruption: Corruption) -> int:
    """Rows of one column per second, of two where it takes two; text where it can."""
    kind = next(kind for kind in ("text", "category", "number") if kind in _preferred(corruption))
    frame = pd.DataFrame({"first": columns(ROWS, kind), "second": columns(ROWS, kind, 2)})
    suite = NoiseSuite(
        (("first", kind), ("second", kind)),
        (condition(corruption, SEVERE, ("first", "second") if corruption.reach != "column" else ("first",)),),
        (("misspellings", ((frame["first"][0].split()[0], ("other",)),)), ("synonyms", ())) if kind != "number" else (),
    )
    seconds = _best(lambda: suite.apply(frame, suite.conditions[0], "bench"))
    return round(ROWS * (1 if corruption.reach == "column" else 2) / seconds)


def _preferred(corruption: Corruption) -> frozenset[str]:
    """What befalls every kind is timed on numbers, as tab-err's is."""
    return frozenset({"number"}) if "number" in corruption.kinds else corruption.kinds


def _whole_suite() -> tuple[NoiseSuite, dict[str, float]]:
    declared = [
        SimpleNamespace(name=f"{kind} {number}", kind=kind) for kind, count in KINDS.items() for number in range(count)
    ]
    suite = default_suite(SimpleNamespace(name="bench", features=declared, noise=NoisePlan()))
    frame = pd.DataFrame(
        {column.name: columns(LARGE_ROWS, column.kind, seed) for seed, column in enumerate(reversed(declared))}
    )
    took = {}
    for name in suite.conditions:
        began = time.perf_counter()
        suite.apply(frame, name, "bench")
        took[name] = time.perf_counter() - began
        print(f"{name:20} {took[name]:>12.1f} s")
    return suite, took


def _peer() -> tuple[dict[str, Any], str | None]:
    """What tab-err makes of the same columns, or why it could not be asked."""
    with tempfile.TemporaryDirectory() as home:
        table = Path(home, "table.csv")
        frame = {kind: columns(ROWS, kind) for kind in KINDS} | {"other": columns(ROWS, "number", 2)}
        pd.DataFrame(frame).to_csv(table, index=False)
        try:
            python = _environment(Path(home, "environment"))
            answer = _run([python, "-c", _PEER_SCRIPT, str(table), str(SEVERE), str(REPEATS)])
        except subprocess.CalledProcessError as error:
            return {}, f"{PEER} could not be measured: {error.cmd[0]} ended with {error.returncode}: {error.stderr[-500:]}"
    measured = json.loads(answer.splitlines()[-1])
    assert set(measured) == set(COMPARED) <= set(BY_NAME)
    return measured, None


def _environment(folder: Path) -> str:
    """An environment that holds the peer; uv where there is one, else venv and pip."""
    python, uv = str(folder / "bin" / "python"), which("uv", path=str(Path(sys.executable).parent)) or which("uv")
    if uv:
        _run([uv, "venv", "--python", sys.executable, str(folder)])
        _run([uv, "pip", "install", "--python", python, PEER])
    else:
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([python, "-m", "pip", "install", "--quiet", PEER])
    return python


def _run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _best(work: Callable[[], object]) -> float:
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return min(took)


if __name__ == "__main__":
    sys.exit(main())
