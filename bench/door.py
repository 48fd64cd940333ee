"""Is anything lost, or taken in that upstream did not write? Random deliveries against an oracle, value by value.

Each world is one upstream with columns of its own, over stores in memory. It delivers files in every format, corrects them,
and delivers them again under the same name, early, late and broken, or withdraws them, with a check now and then. After each
check the rows that count, those in quarantine, and the numbers that the check reported have to be what the oracle in
deliveries.py says.
"""

import json
import logging
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, cast

import pandas as pd
from rich.console import Console

from bench import results
from bench.deliveries import (
    BEGIN,
    DAYS,
    FORMATS,
    TEXTS,
    Bad,
    Counts,
    Field,
    File,
    Oracle,
    Schema,
    Stream,
    Upstream,
    draw_file,
    draw_schema,
)
from include.adapters.lake import Lake
from include.adapters.landing import Landing
from include.adapters.memory_store import MemoryStore
from include.champion.withdrawal import take_back
from include.errors import BrokenFeed, ProvingGroundError, UnreadableFile
from include.models.contract import Candidate, Column, Criteria, Feed, Kind, Model, Retraining
from include.own_columns import LABEL_DELIVERED
from include.request import Request
from include.results import Checked, QuarantinedRow
from include.services import Services, StepContext
from include.settings import Settings
from include.steps import check, pull

DELIVERIES, SEED = 10_000, 20240101
_HIDDEN = ("_SUCCESS", "_temporary/0/part-0.csv", ".part-0.csv.crc", ".spark-staging-1/part-0.parquet", "folder/")
_NAME = "door"
_WRONG = ("lost", "changed", "doubled", "wrong in quarantine", "miscounted", "unclear errors")
PAGE = Path(__file__).parent.parent / "docs/deliveries.md"


class _Bucket(MemoryStore):
    """A bucket whose clock is set by hand."""

    now: datetime = BEGIN + timedelta(days=DAYS)

    def _now(self) -> datetime:
        return self.now


@dataclass
class Findings:
    """What was tried, and what was wrong: examples of each kind, with the seed of their world."""

    deliveries: int = 0
    rows: int = 0
    withdrawals: int = 0
    checks: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    went_on: int = 0
    quarantined: int = 0
    unmatched_labels: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)


class World:
    """One upstream, the product in memory, and the oracle beside it."""

    def __init__(self, random: Random, findings: Findings, name: str) -> None:
        self.random, self.findings, self.name = random, findings, name
        self.schema = draw_schema(random)
        self.upstream = Upstream(self.schema, tuple(random.sample(TEXTS, 6 if len(self.schema.key) == 1 else 3)))
        self.oracle = Oracle(self.schema, _NAME)
        self.model = _model(self.schema)
        self.landing, self.lake = _Bucket("landing"), _Bucket("lake")
        self.services = Services(
            Settings.read({}), Landing(self.landing), Lake(self.lake), *cast(Any, (None, None, None, None))
        )
        self.waiting: dict[str, tuple[File, datetime]] = {}
        self.bytes_seen: set[tuple[str, bytes, datetime]] = set()

    def play(self, deliveries: int) -> None:
        """So many deliveries, with a withdrawal or a check after some of them, and a check at the end."""
        for number in range(deliveries):
            self.deliver()
            if self.random.random() < 0.1:
                self.withdraw()
            if self.random.random() < 0.4 or number == deliveries - 1:
                self.check()

    def deliver(self) -> None:
        """One file under a new name, or again under one that is known."""
        stream: Stream = self.random.choice(("features", "features", "labels"))
        name = f"{self.random.choice(('a', 'b', 'folder/c'))}.{self.random.choice(FORMATS)}"
        self.landing.now += timedelta(seconds=self.random.choice((0, 0, 1, 3600)))
        file = draw_file(self.random, self.upstream, stream, name, self.landing.now)
        key = self.oracle.key_of(file)
        while (key, file.data, self.landing.now) in self.bytes_seen:
            # The same bytes within the same second are the same delivery.
            self.landing.now += timedelta(seconds=1)
        self.bytes_seen.add((key, file.data, self.landing.now))
        self.landing.put(key, file.data)
        self.waiting[key] = (file, self.landing.now)
        if self.random.random() < 0.1:
            self.landing.put(f"{_NAME}/{stream}/{self.random.choice(_HIDDEN)}", b"half written")
        self.findings.deliveries += 1
        self.findings.rows += len(file.rows)
        self.findings.formats[name.split(".", 1)[1]] += 1
        if file.fault:
            self.findings.refused[file.fault] += 1

    def withdraw(self) -> None:
        """A file that was delivered once, whether a check has seen it or not."""
        key = self.random.choice(sorted({key for key, _, _ in self.bytes_seen}))
        self.landing.now += timedelta(seconds=1)
        context = StepContext(self.services, self.model, Request(self.landing.now, "a withdrawal", "run"))
        take_back(context, key, self.landing, context.request.as_of)
        self.waiting.pop(key, None)
        self.oracle.withdraw(cast(Stream, key.split("/")[1]), key)
        self.findings.withdrawals += 1
        self.compare(None, None)

    def check(self) -> None:
        """Pull and check, and compare; a batch that is stopped by an absent column is checked again without that file."""
        self.findings.checks += 1
        waiting = sorted(self.waiting.items(), key=lambda item: (item[1][1], item[0]))
        lacking = [key for key, (file, _) in waiting if file.fault == "lacks a column"]
        unreadable = [key for key, (file, _) in waiting if file.fault == "unreadable"]
        expected = BrokenFeed if lacking else UnreadableFile if unreadable else None
        checked = self._checked(expected, (lacking or unreadable or [""])[0])
        if lacking:
            for key in lacking:
                self.landing.delete(key)
                del self.waiting[key]
            self.compare(None, None)
            self.check()
            return
        good = {key: (file, landed) for key, (file, landed) in waiting if not file.fault}
        counts = self.oracle.take_in(good.values())
        self.findings.went_on += counts.rows + counts.labels
        self.findings.quarantined += counts.quarantined
        self.findings.unmatched_labels += counts.unmatched
        self.waiting.clear()
        self.compare(checked, counts)

    def _checked(self, expected: type[ProvingGroundError] | None, culprit: str) -> Checked | None:
        context = StepContext(self.services, self.model, Request(self.landing.now, "a delivery", "run"))
        try:
            checked = check.run(context, pull.run(context))
        except Exception as error:  # noqa: BLE001 - what is not expected is what this looks for
            if expected is None or type(error) is not expected or culprit not in str(error):
                where, right = traceback.format_exc().splitlines()[-3:], f"{expected} of {culprit}"
                self.wrong("unclear errors", f"{type(error).__name__}: {str(error)[:300]}; right is {right}; {where}")
            return None
        finally:
            # The run goes on to triage, which is not part of this, and so has counted what it took in.
            self.lake.delete(f"taken_in/{_NAME}.json")
        if expected is not None:
            self.wrong("unclear errors", f"{culprit} should have been refused with {expected.__name__}")
        return checked

    def compare(self, checked: Checked | None, counts: Counts | None) -> None:
        """Everything that is there with everything that should be there."""
        if checked is not None and counts is not None:
            reported = Counts(checked.rows, checked.quarantined, checked.labels, checked.unmatched)
            if reported != counts:
                self.wrong("miscounted", f"{reported}, right is {counts}")
        self._compare_rows()
        self._compare_quarantine()

    def _compare_rows(self) -> None:
        frame = self.services.lake.rows(self.model, BEGIN - timedelta(days=3), BEGIN + timedelta(days=DAYS + 3))
        expected, seen = self.oracle.rows(), set[tuple[Any, ...]]()
        key, at = self.schema.key, self.schema.time
        for row in frame.to_dict("records"):
            place = (*(row[name] for name in key), row[at].date())
            if place in seen or place not in expected:
                self.wrong("doubled", f"{place} {'twice' if place in seen else 'is surplus'}")
                continue
            seen.add(place)
            for name, value in expected[place].items():
                if not isinstance(name, str):
                    continue
                there = row[LABEL_DELIVERED if name == "label came" else name]
                if _plain(there) != _plain(value):
                    self.wrong("changed", f"{place} {name}: {there!r}, right is {value!r}")
        for place in expected.keys() - seen:
            self.wrong("lost", str(place))

    def _compare_quarantine(self) -> None:
        lake = self.services.lake
        rows = [row for entry in lake.quarantines(_NAME) for row in lake.quarantined_rows(entry.key)]
        there, right = Counter(map(_as_bad, rows)), Counter(self.oracle.quarantine)
        for bad in (there - right).elements():
            self.wrong("wrong in quarantine", f"surplus {bad}")
        for bad in (right - there).elements():
            self.wrong("wrong in quarantine", f"missing {bad}")
        values: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in rows:
            delivered = {name: text for name, text in row.values.items() if text is not None}
            values.setdefault(_identity(_as_bad(row)), []).append(delivered)
        for bad in self.oracle.quarantine:
            delivered = {name: text for name, text in bad.values.items() if text is not None}
            if _identity(bad) in values and delivered not in values[_identity(bad)]:
                self.wrong("changed", f"in quarantine {values[_identity(bad)]}, right is {delivered}")

    def wrong(self, kind: str, what: str) -> None:
        """Note what is not as the oracle says."""
        self.findings.wrong[kind] += 1
        if sum(example.startswith(kind) for example in self.findings.examples) < 5:
            self.findings.examples.append(f"{kind}, {self.name}: {what}")


def _identity(bad: Bad) -> tuple[Any, ...]:
    return bad.key, bad.row, bad.wrong


def _as_bad(row: QuarantinedRow) -> Bad:
    """A row of quarantine in the oracle's terms."""
    if row.line or not row.values:
        return Bad(row.source, row.row, frozenset({row.reasons[0].split(":")[0]}), {})
    names = {"replaced" if reason.endswith("replaces it") else reason.split(":")[0] for reason in row.reasons}
    return Bad(row.source, row.row, frozenset(names), {})


def _plain(value: Any) -> Any:
    """A value with one spelling for what is missing."""
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


def _model(schema: Schema) -> Model:
    """The schema as the product's own model declares it."""

    def column(one: Field) -> Column:
        kind: Kind = {"number": "number", "binary": "number", "category": "category"}.get(one.role, "text")  # type: ignore[assignment]
        return Column(one.name, kind, one.low, one.high, one.values, one.optional)

    task = {"binary": "binary", "category": "multiclass"}.get(schema.label.role, "regression")
    return Model(
        name=_NAME,
        owner="bench",
        description="Drawn at random.",
        task=cast(Any, task),
        label=column(schema.label),
        features=tuple(column(one) for one in schema.features),
        # Nothing is stopped for its share of bad rows: what becomes of each row is what is looked at here.
        feed=Feed(schema.key, schema.time, timedelta(days=1), timedelta(days=1), "0 6 * * *", max_bad_share=1.0),
        criteria=Criteria(metric="roc_auc", floor=0.5, noisy_floor=0.5, margin=0.1),
        retraining=Retraining(cadence="0 7 * * *"),
        candidates=(Candidate(build=lambda _: None),),
    )


def knock(deliveries: int, seed: int, report: Any = print) -> Findings:
    """So many deliveries, by one upstream after another."""
    findings, number = Findings(), 0
    while findings.deliveries < deliveries:
        number += 1
        random = Random(f"{seed} {number}")
        World(random, findings, f"world {number}").play(random.randint(4, 16))
        if number % 100 == 0:
            report(f"{findings.deliveries:,} of {deliveries:,}, wrong: {dict(findings.wrong)}")
    return findings


def table(figures: dict[str, Any]) -> str:
    """The table of docs/deliveries.md."""
    formats = ", ".join(f"{count:,} × `.{suffix}`" for suffix, count in figures["formats"].items())
    refused = ", ".join(f"{count:,} × {why}" for why, count in sorted(figures["refused"].items()))
    rows = [
        ("deliveries, in files of", f"{figures['deliveries']:,}: {formats}"),
        ("of them refused as a whole, by name", refused),
        ("rows that went on, and rows in quarantine", f"{figures['went on']:,}, {figures['in quarantine']:,}"),
        ("withdrawals", f"{figures['withdrawals']:,}"),
        ("checks, each compared value by value", f"{figures['checks']:,}"),
        *((kind, f"{figures[kind]:,}") for kind in _WRONG),
    ]
    return "\n".join(["| | |", "| --- | --- |", *(f"| {what} | {count} |" for what, count in rows)])


def main() -> int:
    """Deliver, print, write."""
    console = Console()
    logging.disable(logging.WARNING)
    deliveries = int(sys.argv[1]) if len(sys.argv) > 1 else DELIVERIES
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else SEED
    began = time.monotonic()
    findings = knock(deliveries, seed, console.print)
    wrong = {kind: findings.wrong[kind] for kind in _WRONG}
    figures = {
        "deliveries": findings.deliveries,
        "rows": findings.rows,
        "went on": findings.went_on,
        "in quarantine": findings.quarantined,
        "labels of no row": findings.unmatched_labels,
        "withdrawals": findings.withdrawals,
        "checks": findings.checks,
        "formats": dict(sorted(findings.formats.items())),
        "refused": dict(findings.refused),
        **wrong,
        "seconds": round(time.monotonic() - began),
        "seed": seed,
    }
    results.write("door", figures, dict.fromkeys(wrong, 0), not any(wrong.values()))
    results.into_page(PAGE, "door", table(figures))
    console.print_json(json.dumps(figures))
    for example in findings.examples:
        console.print(example, highlight=False, markup=False, soft_wrap=True)
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
