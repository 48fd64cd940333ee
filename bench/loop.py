"""What does the loop gain? The static first champion against the loop: the same weeks, the same rows.

Plays New York's flights of 2013 through the real steps, object store and registry, without the scheduler. Each week from the
first champion on is scored by the champion of that moment, before its labels are known, and by the first champion for ever.
"""

import sys
from datetime import UTC, datetime

import pandas as pd

from bench import results
from demo.rehearsal import Week, play, stores
from demo.upstream import FLIGHTS, WEEK, Upstream
from include.adapters.object_store import ObjectStore
from include.decisions.metrics import roc_auc
from include.decisions.predictions import numbers_of
from include.models import find_model
from include.models.contract import Model
from include.services import Services, build_services
from include.steps.score import predict

FIRST = datetime(2013, 3, 11, tzinfo=UTC)
# The week after it still is a whole one, and brings its labels.
LAST = datetime(2013, 12, 16, tzinfo=UTC)


def main() -> int:
    """Play the year, print the table, write the result."""
    with stores():
        report(*play_year(find_model(FLIGHTS.name)))
    return 0


def play_year(model: Model) -> tuple[list[Week], pd.DataFrame]:
    """Every week's outcome, and a table of each week's AUC by the loop and by the first champion."""
    services = build_services()
    upstream = Upstream(ObjectStore.connect("landing", endpoint=services.settings.s3_endpoint, region="us-east-1"), FLIGHTS)
    upstream.backlog(FIRST)
    weeks, served, start = [], {}, FIRST
    while start <= LAST:
        champion = services.registry.champion(model.name)
        if champion:
            served[start] = champion.number
        upstream.week(start)
        weeks.append(play(services, model, start + WEEK))
        print(_line(weeks[-1]), flush=True)
        start += WEEK
    # One more delivery brings the labels of the last week.
    upstream.week(start)
    play(services, model, start + WEEK)
    return weeks, _compared(services, model, served)


def _compared(services: Services, model: Model, served: dict[datetime, str]) -> pd.DataFrame:
    """One row a week: AUC of the version that served it and of version 1, on all labelled rows of the week."""
    rows = []
    for start, number in served.items():
        frame = services.lake.rows(model, start, start + WEEK)
        frame = frame[frame[model.label.name].notna()]
        labels = frame[model.label.name].to_numpy("float64")
        by = {name: numbers_of(predict(model, services.registry.load(model, name), frame)) for name in {"1", number}}
        rows.append(
            {
                "week": start,
                "served": number,
                "rows": len(frame),
                "loop": roc_auc(labels, by[number])[0],
                "static": roc_auc(labels, by["1"])[0],
            }
        )
    return pd.DataFrame(rows)


def _line(week: Week) -> str:
    verdict = f" -> {week.verdict.says}" if week.verdict else ""
    return f"{week.as_of:%Y-%m-%d} {week.quality.says} | {week.finding.action}: {week.finding.reason}{verdict}"


def report(weeks: list[Week], table: pd.DataFrame) -> None:
    """Print and keep the answer."""
    verdicts = [week.verdict.verdict for week in weeks if week.verdict]
    after = table[table["served"] != "1"]
    figures = {
        "weeks": len(table),
        "rows": int(table["rows"].sum()),
        "retrains": len(verdicts),
        "promoted": sum(bool(week.promotion and week.promotion.promoted) for week in weeks),
        "auc_static": float(table["static"].mean()),
        "auc_loop": float(table["loop"].mean()),
        "weeks_after_first_promotion": len(after),
        "auc_static_after_first_promotion": float(after["static"].mean()),
        "auc_loop_after_first_promotion": float(after["loop"].mean()),
        "weeks_in_which_the_loop_was_better": int((after["loop"] > after["static"]).sum()),
    }
    print(table.round(4).to_string(index=False))
    for name, value in figures.items():
        print(f"{name:36} {value:.4f}" if isinstance(value, float) else f"{name:36} {value:,}")
    aims = {"auc_loop": "above auc_static"}
    results.write("loop", figures, aims, bool(figures["auc_loop"] > figures["auc_static"]))


if __name__ == "__main__":
    sys.exit(main())
