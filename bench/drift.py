"""How often does a drift check cry wolf, how soon does it see a shift, and what does it cost?

Simulated years of weekly checks, twenty columns of ordinary shapes (normal, heavy-tailed, zero-inflated, 3 to 100 categories,
Zipf), each with a season and weekly weather of its own: what moves a column by a fifth of its deviation over the year, and by
a tenth from week to week. A year to learn from, a year to check; nothing drifts. Then single columns are shifted. Beside ours
stand Evidently's preset as it comes (any column, and its share of half of them) and "any column's PSI above 0.2".

The number of rows is simulated by itself: feeds that are steady, bursty, seasonal and growing, half a year to learn from and a
year to check; how often a check stops for nothing, and what it makes of a lost half and of a level that has moved for good.

    make bench-drift                                   # about an hour on two cores; YEARS=20 for a first look
    .venv/bin/python -m bench.drift years volume       # some parts: years, evidently, volume, cost
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bench import results
from include.decisions.drift.chart_statistics import ViewBaseline, view_baseline
from include.decisions.drift.comparison import AT_ONCE, IN_A_ROW, Compared, compare, standing
from include.decisions.drift.summaries import Numbers, Summary, Values, lay_grid, merged, summarise
from include.decisions.drift.volume import PeriodRows, judge_volume
from include.decisions.monitoring.triage import FEW_ROWS
from include.models.contract import Column

PAGE = Path(__file__).parent.parent / "docs/drift.md"
YEARS = int(os.environ.get("YEARS", "200"))
PARTS = ("years", "evidently", "volume", "cost")
SIZES = (500, 2_000, 10_000)
WEEKS = 52
SEASON, WEATHER, STICKY = 0.2, 0.1, 0.6
SHAPES: tuple[tuple[str, int], ...] = (
    *([("normal", 0)] * 6),
    *([("heavy", 0)] * 3),
    *([("zeros", 0)] * 2),
    *(("categories", kinds) for kinds in (3, 5, 10, 20, 50, 100)),
    *(("zipf", kinds) for kinds in (100, 200, 1_000)),
)
COLUMNS = tuple(Column(f"{shape}_{kinds}_{at}", "category" if kinds else "number") for at, (shape, kinds) in enumerate(SHAPES))
# The champion uses one column most: a fifth of all it uses. The others share the rest.
IMPORTANT = 0.2
SHIFTS = (0.25, 0.5, 1.0)
SHIFTED_WEEKS = (3, 17, 31, 45)
EVIDENTLY_WEEKS = 26
COST_ROWS = (100_000, 1_000_000, 10_000_000)
EVIDENTLY_ROWS = 1_000_000
LEARNED_WEEKS, SHIFTED_TO = 26, 0.35
A_WEEK, MONDAY = timedelta(days=7), datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Course:
    """How one column moves over the weeks, and what it is made of."""

    moves: NDArray[np.float64]
    shares: NDArray[np.float64] | None = None
    tilt: NDArray[np.float64] | None = None


@dataclass
class SimulatedYear:
    """One year: alarms, by ours and by PSI, and for each shift whether it was reported in its first week."""

    alarms: int = 0
    psi_alarms: int = 0
    shifts: list[tuple[str, float, bool]] = field(default_factory=list)


class World:
    """Two years of one simulated table; `week(number)` draws its rows."""

    def __init__(self, seed: int, rows: int) -> None:
        self._rng = np.random.default_rng((seed, rows))
        self._rows = rows
        self._paths = [self._path(shape, kinds) for shape, kinds in SHAPES]

    def _path(self, shape: str, kinds: int) -> Course:
        noise = np.zeros(2 * WEEKS)
        for week in range(1, len(noise)):
            noise[week] = STICKY * noise[week - 1] + self._rng.normal(0, WEATHER * np.sqrt(1 - STICKY**2))
        moves = SEASON * np.sin(2 * np.pi * np.arange(2 * WEEKS) / WEEKS + self._rng.uniform(0, 2 * np.pi)) + noise
        if not kinds:
            return Course(moves)
        shares = 1 / np.arange(1, kinds + 1) ** 1.1 if shape == "zipf" else self._rng.dirichlet(np.full(kinds, 5.0))
        return Course(moves, shares / shares.sum(), self._rng.permutation(np.linspace(-1, 1, kinds)))

    def week(self, number: int) -> pd.DataFrame:
        """A week's rows."""
        return pd.DataFrame({column.name: self._draw(at, number, 0.0) for at, column in enumerate(COLUMNS)})

    def column(self, at: int, number: int, by: float) -> pd.DataFrame:
        """One column of a week, moved by so many deviations, or a fifth of that as mass to one category."""
        return pd.DataFrame({COLUMNS[at].name: self._draw(at, number, by)})

    def _draw(self, at: int, number: int, by: float) -> Any:
        shape, path, rng = SHAPES[at][0], self._paths[at], self._rng
        move = path.moves[number]
        if path.shares is None:
            values = rng.normal(move + by, 1, self._rows)
            if shape == "normal":
                return values
            return np.exp(values) if shape == "heavy" else np.where(values > 0.8, np.exp(values), 0.0)
        assert path.tilt is not None
        shares = path.shares * np.exp(move * path.tilt)
        shares /= shares.sum()
        if by:
            gains = np.argsort(-shares)[min(2, len(shares) - 1)]
            shares = shares * (1 - by / 5)
            shares[gains] += by / 5
        codes = np.repeat(np.arange(len(shares)), rng.multinomial(self._rows, shares))
        return pd.Categorical.from_codes(codes.tolist(), categories=pd.Index([f"v{kind}" for kind in range(len(shares))]))


def year(seed: int, rows: int) -> SimulatedYear:
    """A year to learn from, and a year of checks."""
    world, outcome = World(seed, rows), SimulatedYear()
    learned = [world.week(number) for number in range(WEEKS)]
    grid = lay_grid(pd.concat(learned, ignore_index=True).iloc[::10], COLUMNS)
    summaries = [summarise(week, COLUMNS, grid) for week in learned]
    references = {column.name: view_baseline([s.views[column.name] for s in summaries], rows) for column in COLUMNS}
    whole, calm, flagged = merged(summaries), dict.fromkeys(references, (summaries[-1], -1)), set[str]()
    for number in range(WEEKS):
        now = summarise(world.week(WEEKS + number), COLUMNS, grid)
        compared = {name: _compare(references, now, calm, number, name) for name in references}
        at_once, in_a_row = _reported(compared)
        outcome.alarms += bool(at_once or in_a_row & flagged)
        outcome.psi_alarms += max(psi(whole.views[name], now.views[name]) for name in references) > 0.2
        for at, by in product(range(len(SHAPES)), SHIFTS) if number in SHIFTED_WEEKS else ():
            name = COLUMNS[at].name
            moved = summarise(world.column(at, WEEKS + number, by), COLUMNS[at : at + 1], grid)
            reported, _ = _reported(compared | {name: _compare(references, moved, calm, number, name)}, important=name)
            outcome.shifts.append((SHAPES[at][0], by, name in reported))
        calm |= {name: (now, number) for name in references if name not in in_a_row}
        flagged = in_a_row
    return outcome


def _compare(
    references: dict[str, ViewBaseline], now: Summary, calm: dict[str, tuple[Summary, int]], number: int, name: str
) -> Compared:
    before, week = calm[name]
    return compare(name, references[name], now.views[name], number + 1, (before.views[name], number - week))


def _reported(compared: dict[str, Compared], important: str = COLUMNS[0].name) -> tuple[set[str], set[str]]:
    """The views that are reported at once, and those that are reported when they stand for a second week."""
    weights = dict.fromkeys(compared, (1 - IMPORTANT) / (len(compared) - 1)) | {important: IMPORTANT}
    views = list(compared.values())
    one, two = ({view.view for view in standing(views, weights, rate)} for rate in (AT_ONCE, IN_A_ROW))
    return one, two


def psi(reference: Numbers | Values, current: Numbers | Values) -> float:
    """The population stability index: ten bins of equal mass of a number, the values of a category, no share below 0.0001."""
    if isinstance(reference, Numbers) and isinstance(current, Numbers):
        ranks = np.cumsum(reference.counts) / reference.present
        tenth = np.minimum((ranks * 10 - 1e-9).astype(int), 9)
        sides = [np.bincount(tenth, view.counts, 10) for view in (reference, current)]
    else:
        assert isinstance(reference, Values)
        assert isinstance(current, Values)
        names = [*reference.counts, *(name for name in current.counts if name not in reference.counts)]
        sides = [np.array([view.counts.get(name, 0) for name in names], dtype="float64") for view in (reference, current)]
    was, now = (np.maximum(side / side.sum(), 1e-4) for side in sides)
    return float(((now - was) * np.log(now / was)).sum())


def evidently_year(seed: int, rows: int) -> dict[str, float]:
    """How many of some weekly checks the preset, as it comes, flags: any column, and its verdict on the table."""
    world = World(seed, rows)
    reference = pd.concat([world.week(number) for number in range(WEEKS)], ignore_index=True)
    any_column = table = 0
    for number in range(EVIDENTLY_WEEKS):
        drifted = _evidently(reference.sample(min(len(reference), 10 * rows), random_state=number), world.week(WEEKS + number))
        any_column += drifted > 0
        table += drifted >= 0.5 * len(COLUMNS)
    return {"any column": any_column * WEEKS / EVIDENTLY_WEEKS, "half of the columns": table * WEEKS / EVIDENTLY_WEEKS}


def _evidently(reference: pd.DataFrame, current: pd.DataFrame) -> int:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    numbers = [name for name in current if pd.api.types.is_numeric_dtype(current[name])]
    others = [name for name in current if name not in numbers]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=others)
    plain = [rows.astype(dict.fromkeys(others, "object")) for rows in (current, reference)]
    sides = [Dataset.from_pandas(rows, data_definition=definition) for rows in plain]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = Report([DataDriftPreset()]).run(*sides).dict()
    return int(report["metrics"][0]["value"]["count"])


# How many rows there are


@dataclass(frozen=True)
class SimulatedFeed:
    """A feed's mean number of rows in each of so many weeks, and the shape of its gamma distribution: 1 is bursty."""

    mean: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    shape: float

    def counts(self, weeks: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Negative binomial numbers of rows, with the season's phase by chance."""
        mean = self.mean(np.arange(weeks, dtype="float64") + float(rng.uniform(0, WEEKS)))
        return np.asarray(rng.poisson(rng.gamma(self.shape, mean / self.shape)), dtype="int64")


FEEDS = {
    "steady (5 % from week to week)": SimulatedFeed(lambda week: 500 + 0 * week, 400),
    "bursty (100 %)": SimulatedFeed(lambda week: 500 + 0 * week, 1),
    "seasonal (three times as many in summer as in winter)": SimulatedFeed(
        lambda week: 500 * np.exp(np.log(3) / 2 * np.sin(2 * np.pi * week / WEEKS)), 50
    ),
    "growing (twice as many each year)": SimulatedFeed(lambda week: 100 * 2 ** (week / WEEKS), 50),
}


def volume_year(seed: int, feed: str) -> list[dict[str, Any]]:
    """A year of checks of one feed, and what they make of a lost half and a lower level that begin in some of its weeks."""
    rng = np.random.default_rng((seed, list(FEEDS).index(feed)))
    counts, events = FEEDS[feed].counts(LEARNED_WEEKS + WEEKS + 2 * len(SHIFTED_WEEKS), rng), list[dict[str, Any]]()
    for week in range(LEARNED_WEEKS, LEARNED_WEEKS + WEEKS):
        events.append({"event": "calm", "verdict": _verdict(counts[: week + 1])})
    for week in (LEARNED_WEEKS + week for week in SHIFTED_WEEKS):
        half = np.append(counts[:week], rng.binomial(counts[week], 0.5))
        events.append({"event": "half", "verdict": _verdict(half)})
        lower = np.append(counts[:week], rng.binomial(counts[week:], SHIFTED_TO))
        verdicts = [_verdict(lower[: week + 1 + after]) for after in range(8)]
        events.append({"event": "level", "stopped": verdicts.count("stop"), "accepted": _settled(verdicts)})
    return events


def _verdict(counts: NDArray[np.int64]) -> str:
    """What triage does about the last of these weeks: stop, page, note or nothing."""
    weeks = [PeriodRows(MONDAY + at * A_WEEK, int(rows), trained=at < LEARNED_WEEKS) for at, rows in enumerate(counts)]
    volume = judge_volume(weeks[:-1], weeks[-1], A_WEEK)
    if volume.verdict == "rare":
        return "page" if volume.effect <= FEW_ROWS else "note"
    return "stop" if volume.verdict == "implausible" else "nothing"


def _settled(verdicts: Sequence[str]) -> int:
    """In which period of a new level nothing was wrong with it any more."""
    wrong = [at for at, verdict in enumerate(verdicts) if verdict != "nothing"]
    return wrong[-1] + 2 if wrong else 1


def _volume_summed_up(years: list[list[dict[str, Any]]]) -> dict[str, float]:
    events = pd.DataFrame([event for one in years for event in one])
    calm, half, level = (events[events["event"] == name] for name in ("calm", "half", "level"))
    a_year = {action: float((calm["verdict"] == action).sum() / len(years)) for action in ("stop", "page", "note")}
    return {
        "years": len(years),
        **{f"false {action}s a year": often for action, often in a_year.items()},
        "halves found": float(half["verdict"].isin(["stop", "page", "note"]).mean()),
        "halves that stop": float((half["verdict"] == "stop").mean()),
        "periods stopped by a new level": float(level["stopped"].mean()),
        "new levels that stop at most two periods": float((level["stopped"] <= 2).mean()),
        "periods until a new level is usual": float(level["accepted"].mean()),
    }


# What a check costs


def cost() -> dict[str, Any]:
    """CPU seconds and peak memory of a check, each in a process of its own, from parquet files of at most a million rows."""
    measured: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for rows in COST_ROWS:
            _write(Path(folder), rows)
            measured[f"{rows:,}"] = {"ours": _measured("ours", folder, rows)}
            if rows <= EVIDENTLY_ROWS:
                measured[f"{rows:,}"]["evidently"] = _measured("evidently", folder, rows)
            print(rows, measured[f"{rows:,}"], flush=True)
    return measured


def _write(folder: Path, rows: int) -> None:
    """Twenty numbers and ten categories, for both sides."""
    rng = np.random.default_rng(rows)
    for at in range(0, rows, 1_000_000):
        count = min(1_000_000, rows - at)
        table: dict[str, Any] = {f"n{number}": rng.normal(size=count) for number in range(20)}
        for number in range(10):
            names = np.array([f"v{kind}" for kind in range(5 + 10 * number)], dtype=object)
            table[f"c{number}"] = names[rng.integers(0, len(names), count)]
        pq.write_table(pa.table(table), folder / f"{rows}-{at:09}.parquet", row_group_size=250_000)


def _measured(who: str, folder: str, rows: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.drift", "measure", who, folder, str(rows)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    cpu, memory = answer.stdout.split()[-2:]
    return {"cpu_seconds": float(cpu), "peak_mb": float(memory)}


def measure(who: str, folder: str, rows: int) -> None:
    """One check in this process: CPU seconds without imports, and the process's own peak memory."""
    files = sorted(Path(folder).glob(f"{rows}-*.parquet"))
    columns = [Column(f"n{number}", "number") for number in range(20)]
    columns += [Column(f"c{number}", "category") for number in range(10)]
    reference = pq.read_table(files[0]).slice(0, 100_000 if who == "ours" else rows).to_pandas()
    if who == "ours":
        grid = lay_grid(reference, columns)
        parts = [summarise(reference.iloc[at::26], columns, grid) for at in range(26)]
        references = {c.name: view_baseline([part.views[c.name] for part in parts], rows) for c in columns}
        del reference
        began = time.process_time()
        whole = None
        for file in files:
            for batch in pq.ParquetFile(file).iter_batches(250_000):
                summary = summarise(batch.to_pandas(), columns, grid)
                whole = summary if whole is None else whole + summary
        assert whole is not None
        standing([compare(name, references[name], whole.views[name], 1) for name in references], {}, AT_ONCE)
    else:
        _evidently(reference.head(1000), reference.head(1000))
        current = pq.read_table(files).to_pandas()
        began = time.process_time()
        _evidently(reference, current)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{time.process_time() - began:.3f} {_own_peak(peak):.0f}")


def _own_peak(otherwise: float) -> float:
    """Peak memory of this very process in MB: what `getrusage` says may be its parent's."""
    for line in Path("/proc/self/status").read_text().splitlines() if Path("/proc/self/status").exists() else []:
        if line.startswith("VmHWM:"):
            return float(line.split()[1]) / 1024
    return otherwise


# The report


def main(names: Sequence[str]) -> int:
    """Simulate, measure, print, write: these parts or all; parts that are left out keep their last result."""
    if unknown := set(names) - set(PARTS):
        raise SystemExit(f"{', '.join(sorted(unknown))}: no part; accepted are {', '.join(PARTS)}")
    parts, statistics = names or PARTS, results.read("drift").get("figures", {}) if names else {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for rows in SIZES if "years" in parts else ():
            years = list(pool.map(partial(year, rows=rows), range(YEARS)))
            statistics.setdefault("years", {})[f"{rows:,}"] = _summed_up(years)
            print(f"{rows:,} rows a week", statistics["years"][f"{rows:,}"], flush=True)
        for rows, columns in (
            zip(SIZES, pool.map(partial(evidently_year, 1), SIZES), strict=True) if "evidently" in parts else ()
        ):
            statistics.setdefault("evidently", {})[f"{rows:,}"] = columns
            print(f"{rows:,} rows a week, Evidently", columns, flush=True)
        for feed in FEEDS if "volume" in parts else ():
            simulated = list(pool.map(partial(volume_year, feed=feed), range(YEARS)))
            statistics.setdefault("volume", {})[feed] = _volume_summed_up(simulated)
            print(feed, statistics["volume"][feed], flush=True)
    if "cost" in parts:
        statistics["cost"] = cost()
    aims = _aims(statistics)
    for aim, met in aims.items():
        print(f"{'reached    ' if met else 'NOT REACHED'} {aim}")
    results.write("drift", statistics, aims, all(aims.values()))
    if set(PARTS) <= set(statistics):
        results.into_page(PAGE, "drift", tables(statistics))
    return 0


def _summed_up(years: list[SimulatedYear]) -> dict[str, Any]:
    shifts = pd.DataFrame([shift for one in years for shift in one.shifts], columns=["shape", "by", "found"])
    by_shape = {f"{shape}, {by}": float(part["found"].mean()) for (shape, by), part in shifts.groupby(["shape", "by"])}
    return {
        "years": len(years),
        "false alarms a year": float(np.mean([one.alarms for one in years])),
        "years with more than one": float(np.mean([one.alarms > 1 for one in years])),
        "PSI > 0.2, false alarms a year": float(np.mean([one.psi_alarms for one in years])),
        "found in the first week": {str(by): float(part["found"].mean()) for by, part in shifts.groupby("by")} | by_shape,
    }


def tables(statistics: dict[str, Any]) -> str:
    """What docs/drift.md shows of it, as markdown."""
    lines = [
        "| rows a week | ours | Evidently's preset, any column | half of its columns | PSI above 0.2, any column |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for rows, of_size in statistics["years"].items():
        peer = statistics["evidently"][rows]
        cells = (of_size["false alarms a year"], *peer.values(), of_size["PSI > 0.2, false alarms a year"])
        lines.append(f"| {rows} | " + " | ".join(f"{cell:.2g}" for cell in cells) + " |")
    lines += ["", "| shifted by | " + " | ".join(f"{rows} rows" for rows in statistics["years"]) + " |"]
    lines.append("| --- |" + " ---: |" * len(statistics["years"]))
    for by in map(str, SHIFTS):
        shares = (of_size["found in the first week"][by] for of_size in statistics["years"].values())
        mass = f"{float(by) / 5:.0%} of the mass"
        lines.append(f"| {by} deviations, or {mass} | " + " | ".join(f"{share:.0%}" for share in shares) + " |")
    lines += [
        "",
        "| rows | ours, CPU s | Evidently, CPU s | ours, MB | Evidently, MB |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for rows, who in statistics["cost"].items():
        ours, peer = who["ours"], who.get("evidently", {})
        theirs = (f"{peer['cpu_seconds']:.0f}", f"{peer['peak_mb']:,.0f}") if peer else ("not tried", "not tried")
        lines.append(f"| {rows} | {ours['cpu_seconds']:.2f} | {theirs[0]} | {ours['peak_mb']:,.0f} | {theirs[1]} |")
    return "\n".join([*lines, "", *_volume_table(statistics["volume"])])


def _volume_table(volume: dict[str, Any]) -> list[str]:
    lines = [
        "| rows a week | false stops a year | false pages | false notes | lost halves found at once | of them stopped "
        "| periods stopped by a level of 35 % | usual from period |",
        "| --- |" + " ---: |" * 7,
    ]
    for feed, of_feed in volume.items():
        false = [f"{of_feed[f'false {action}s a year']:.2f}" for action in ("stop", "page", "note")]
        found, stopped = of_feed["halves found"], of_feed["halves that stop"]
        level = f"{of_feed['periods stopped by a new level']:.1f} | {of_feed['periods until a new level is usual']:.1f}"
        lines.append(f"| {feed} | {' | '.join(false)} | {found:.0%} | {stopped:.0%} | {level} |")
    return lines


def _aims(statistics: dict[str, Any]) -> dict[str, bool]:
    years, cost = statistics.get("years", {}), statistics.get("cost", {})
    million = cost.get("1,000,000", {})
    ours = {rows: of_size["ours"] for rows, of_size in cost.items()}
    faster = million["evidently"]["cpu_seconds"] / million["ours"]["cpu_seconds"] if million else 0.0
    volume = statistics.get("volume", {})
    steady: dict[str, float] = next(iter(volume.values()), {})
    growth = ours["10,000,000"]["peak_mb"] / ours["1,000,000"]["peak_mb"] if ours else 9.0
    return {
        "at most one false alarm a year at each size": all(of_size["false alarms a year"] <= 1 for of_size in years.values()),
        "half a deviation, or a tenth of the mass, found in its first week at 2,000 rows: nine in ten": bool(years)
        and years["2,000"]["found in the first week"]["0.5"] >= 0.9,
        f"at a million rows at least 20 times less CPU than Evidently ({faster:.0f} times)": faster >= 20,
        f"memory is flat: ten million rows against one ({growth:.2f} times)": growth <= 1.2,
        "at most one false stop a year of any feed for its number of rows": bool(volume)
        and all(of_feed["false stops a year"] <= 1 for of_feed in volume.values()),
        "a lost half of a steady feed found at once: nineteen in twenty": steady.get("halves found", 0.0) >= 0.95,
        "a steady feed's new level stops at most two periods: ninety-nine in a hundred": (
            steady.get("new levels that stop at most two periods", 0.0) >= 0.99
        ),
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        sys.exit(main(sys.argv[1:]))
