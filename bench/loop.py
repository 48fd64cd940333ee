"""What does the loop gain? The static first champion against the loop: the same weeks, the same rows.

Plays a history through the real steps, object store and registry, without the scheduler. Each week from the first champion on
is scored by the champion of that moment, before its labels are known, and by the first champion for ever.

    make bench-loop                        # New York's flights of 2013
    make bench-loop MODEL=card_fraud       # payments, with thieves who adapt
    make bench-loop MODEL=support_intents  # messages, with new questions
"""

import os
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from bench import results
from bench.in_process import Week, play, stores
from demo import messages, payments
from demo.upstream import FLIGHTS, FRAUD, INTENTS, WEEK, Stream, Upstream
from include.adapters.s3_store import S3Store
from include.decisions.data.labels import labels_of
from include.decisions.scoring.answering import predict
from include.decisions.scoring.metrics import primary_metric
from include.models import find_model
from include.models.contract import Model
from include.services import Services, build_services

_ENDS = 8
"""How many of the first and of the last weeks are reported as one number."""


@dataclass(frozen=True)
class PlayedHistory:
    """What is played: a feed, the first week after its backlog, the last one, and where its result is kept."""

    stream: Stream
    first: datetime
    last: datetime
    result: str
    changes: datetime | None = None


HISTORIES = {
    history.stream.name: history
    for history in (
        # The week after the last one still is a whole one, and brings its labels.
        PlayedHistory(FLIGHTS, datetime(2013, 3, 11, tzinfo=UTC), datetime(2013, 12, 16, tzinfo=UTC), "loop"),
        PlayedHistory(FRAUD, payments.START + 26 * WEEK, payments.START + 66 * WEEK, "loop_card_fraud"),
        PlayedHistory(
            INTENTS,
            messages.START + 24 * WEEK,
            messages.START + 57 * WEEK,
            "loop_support_intents",
            messages.START + messages.NEW_FROM * WEEK,
        ),
    )
}


def main() -> int:
    """Play a history, print the table, write the result."""
    name = os.environ.get("MODEL") or FLIGHTS.name
    if name not in HISTORIES:
        print(f"MODEL={name!r} has no history to be played; there are: {', '.join(HISTORIES)}.", file=sys.stderr)
        return 2
    with stores():
        report(HISTORIES[name], *play_history(find_model(name), HISTORIES[name]))
    return 0


def play_history(model: Model, history: PlayedHistory) -> tuple[list[Week], pd.DataFrame]:
    """Every week's outcome, and a table of each week's metric by the loop and by the first champion."""
    services = build_services()
    landing = S3Store.connect("landing", endpoint=services.settings.s3_endpoint, region="us-east-1")
    upstream = Upstream(landing, history.stream)
    upstream.backlog(history.first)
    weeks, served, start = [], {}, history.first
    while start <= history.last:
        champion = services.registry.champion(model.name)
        if champion:
            served[start] = champion.number
        upstream.week(start)
        weeks.append(play(services, model, start + WEEK))
        print(_line(weeks[-1]), flush=True)
        start += WEEK
    # More deliveries bring the labels of the last weeks.
    while start < history.last + WEEK + model.feed.label_delay:
        upstream.week(start)
        play(services, model, start + WEEK)
        start += WEEK
    return weeks, _compared(services, model, served)


def _compared(services: Services, model: Model, served: dict[datetime, str]) -> pd.DataFrame:
    """One row a week: the metric of the version that served it and of version 1, on all labelled rows of the week."""
    metric, rows = primary_metric(model), []
    pipelines = {number: services.registry.load(model, number) for number in {"1", *served.values()}}
    for start, number in served.items():
        frame = services.lake.rows(model, start, start + WEEK)
        frame = frame[frame[model.label.name].notna()]
        labels = labels_of(model, frame)
        by = {name: metric.estimate(labels, predict(model, pipelines[name], frame))[0] for name in {"1", number}}
        rows.append({"week": start, "served": number, "rows": len(frame), "loop": by[number], "static": by["1"]})
    return pd.DataFrame(rows)


def _line(week: Week) -> str:
    verdict = f" -> {week.verdict.summary}" if week.verdict else ""
    return f"{week.as_of:%Y-%m-%d} {week.quality.summary} | {week.finding.action}: {week.finding.reason}{verdict}"


def report(history: PlayedHistory, weeks: list[Week], table: pd.DataFrame) -> None:
    """Print and keep the answer."""
    model = find_model(history.stream.name)
    figures = _figures(history, model, weeks, table)
    print(table.round(4).to_string(index=False))
    for name, value in figures.items():
        print(f"{name:36} {value:.4f}" if isinstance(value, float) else f"{name:36} {value}")
    metric = primary_metric(model)
    better = bool(metric.gain(figures["loop"] - figures["static"]) > 0)
    aims = {"the loop is better than the static first champion": better} | _aims(history, figures)
    for aim, met in aims.items():
        print(f"{'reached    ' if met else 'NOT REACHED'} {aim}")
    results.write(history.result, figures, aims, all(aims.values()))


def _figures(history: PlayedHistory, model: Model, weeks: list[Week], table: pd.DataFrame) -> dict[str, Any]:
    verdicts = [week.verdict.verdict for week in weeks if week.verdict]
    after = table[table["served"] != "1"]
    gained = primary_metric(model).gain(after["loop"].to_numpy() - after["static"].to_numpy())
    seen = [week.as_of for week in weeks if week.drift.moved and (not history.changes or week.as_of > history.changes)]
    decayed = [week.as_of for week in weeks if week.quality.decayed and (not history.changes or week.as_of > history.changes)]
    return {
        "metric": model.criteria.metric,
        "weeks": len(table),
        "rows": int(table["rows"].sum()),
        "retrains": len(verdicts),
        "promoted": sum(bool(week.promotion and week.promotion.promoted) for week in weeks),
        "static": float(table["static"].mean()),
        "loop": float(table["loop"].mean()),
        "weeks_after_first_promotion": len(after),
        "static_after_first_promotion": float(after["static"].mean()),
        "loop_after_first_promotion": float(after["loop"].mean()),
        "weeks_in_which_the_loop_was_better": int(np.sum(gained > 0)),
        "static_first_weeks": float(table["static"].head(_ENDS).mean()),
        "static_last_weeks": float(table["static"].tail(_ENDS).mean()),
        "loop_last_weeks": float(table["loop"].tail(_ENDS).mean()),
        "loop_lowest_four_weeks": float(table["loop"].rolling(4).mean().min()),
        "actions": dict(Counter(week.finding.action for week in weeks)),
        "change_began": f"{history.changes:%Y-%m-%d}" if history.changes else None,
        "drift_first_reported_as_of": f"{seen[0]:%Y-%m-%d}" if seen else None,
        "decay_first_reported_as_of": f"{decayed[0]:%Y-%m-%d}" if decayed else None,
        "what_was_said": [_line(week) for week in weeks if week.finding.action != "nothing"],
        "by_week": {name: table[name].astype(float).round(4).tolist() for name in ("static", "loop")},
    }


def _aims(history: PlayedHistory, figures: dict[str, Any]) -> dict[str, bool]:
    if history.stream is FRAUD:
        return {
            "the loop holds 92 % of what the desk looks at": figures["loop"] >= 0.92,
            "with a third of weekly retraining's retrainings at most": figures["retrains"] <= figures["weeks"] / 3,
        }
    if history.stream is INTENTS:
        first = f"{history.changes + WEEK:%Y-%m-%d}" if history.changes else ""
        drift_seen, decay_seen = str(figures["drift_first_reported_as_of"]), str(figures["decay_first_reported_as_of"])
        return {
            "drift is reported for the first week with the new questions": drift_seen == first,
            "before quality on labels shows it": drift_seen < decay_seen,
            "a retrained challenger is promoted after that": figures["promoted"] > 1,
        }
    return {}


if __name__ == "__main__":
    sys.exit(main())
