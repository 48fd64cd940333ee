"""Detect drift: how does the newest period differ from the rows that the champion was trained on?

In: what was checked and scored. Out: what moved, in words, and what says that the feed is broken. Limits come from the
champion's own training periods: its reference, made once for a version, is kept in the lake, so a check reads the newest
period alone, some rows at a time, and keeps a summary of it. Evidently's report is drawn from bounded samples, for people; it
decides nothing. Keeps also the period's noise profile, from which the noise suite takes its severities. Safe to run again:
every document is named by version and period, and what a period is compared with lies before it.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

from include.adapters.registry import Version
from include.decisions.domain import ROWS, areas_within, told_apart
from include.decisions.drift import AT_ONCE, IN_A_ROW, Compared, Earlier, Newest, compare_all, standing
from include.decisions.drift_words import in_words, kind_of
from include.decisions.feed import broken_signs
from include.decisions.figures import View
from include.decisions.importance import importance_of
from include.decisions.periods import label_known
from include.decisions.predictions import from_columns
from include.decisions.reference import Reference, answers_summary, make_reference, summary_of_period, thinned
from include.decisions.season import as_a_year_ago, known_days, year_before
from include.decisions.summaries import Summary, as_numbers, as_texts, column_of, merged, summarise
from include.models.contract import Column, Model
from include.noise.profile import NoiseProfile, measure_profile, pooled
from include.references import Checked, Drift, Moved, Scored
from include.run import Request
from include.services import Services
from include.steps.score import predict

IF_IT_FAILS = "Fresh data are curated and scored, drift was not judged; the champion is unchanged."

_SAMPLED_ROWS, _SHUFFLED_ROWS, _PICTURED_ROWS = 6_000, 1_000, 2_000
_REMEMBERED = 26
_METHOD = "jensenshannon"
# Evidently lays its report out for 907 pixels and cuts off what does not fit; the pane of MLflow's page is narrower.
_FITTING = "<style>body { min-width: 960px } @media (max-width: 960px) { body { zoom: 0.63 } }</style></head>"

_log = logging.getLogger(__name__)


def run(services: Services, model: Model, request: Request, checked: Checked, scored: Scored) -> Drift:
    """Drift of the newest period against the champion's training rows."""
    if scored.champion is None or scored.period is None:
        return Drift(period=scored.period, says="no champion yet, nothing to compare with")
    champion = services.registry.version(model.name, scored.champion.version)
    reference = reference_of(services, model, champion)
    summary, mess, rows = _gather(services, model, champion, reference, scored.period)
    if summary is None:
        nothing = f"nothing was delivered for the period from {scored.period:%Y-%m-%d}"
        return Drift(period=scored.period, broken=(f"(rows): {nothing}",), says=nothing)
    mess = _keep_profile(services, model, checked, scored.period, mess)
    sample = services.lake.reference_sample(model.name, champion.tag("train_digest"))
    answers = _answers(services, model, champion, reference, scored)
    newest = Newest(
        features=summary,
        answers=answers,
        labels=_labels(services, model, reference, request.as_of),
        mess=mess,
        told_apart=told_apart(sample, rows, model.features, model.seed),
        told_apart_rows=min(len(rows), ROWS),
    )
    previous = _summary(services, model, champion, reference, scored.period - model.feed.period)
    broken = broken_signs(reference, summary, previous, model.features, model.feed, mess)
    moved = _judge(services, model, champion, reference, newest, scored.period)
    url = _keep_report(services, model, champion, scored.period, sample, rows)
    return _told(model, scored.period, moved, broken, url)


def reference_of(services: Services, model: Model, champion: Version) -> Reference:
    """The reference of a version: found, or made from its training snapshot, once."""
    digest = champion.tag("train_digest")
    if (kept := services.lake.reference(model.name, digest)) is not None:
        return Reference.from_json(kept)
    rows = services.lake.read_snapshot(model, digest)
    sample = thinned(rows, _SAMPLED_ROWS)[model.feature_names].reset_index(drop=True)
    pipeline = services.registry.load(model, champion.number)
    importance = importance_of(
        lambda asked: predict(model, pipeline, asked), thinned(sample, _SHUFFLED_ROWS), model.feature_names, model.seed
    )
    areas = areas_within(rows[model.feature_names], model.periods_of(rows[model.feed.time]), model.features, model.seed)
    reference = make_reference(model, rows, importance, areas)
    services.lake.write_reference(model.name, digest, reference.as_json(), sample)
    return reference


# What is known of the newest period


def _gather(
    services: Services, model: Model, champion: Version, reference: Reference, period: datetime
) -> tuple[Summary | None, NoiseProfile, pd.DataFrame]:
    """One pass over the period's rows: their summary, which is kept, their mess, and a sample of them."""
    summaries, profiles, samples = [], [], []
    for part in services.lake.batches(model, period, period + model.feed.period):
        summaries.append(summary_of_period(model, part, period, reference.grid))
        profiles.append(measure_profile(reference.known, part, model.features))
        samples.append(part[model.feature_names].sample(min(len(part), _SAMPLED_ROWS), random_state=model.seed))
    if not summaries:
        return None, NoiseProfile(0), pd.DataFrame(columns=model.feature_names)
    summary = merged(summaries)
    services.lake.write_summary(model.name, champion.tag("train_digest"), period, summary.as_json())
    rows = pd.concat(samples, ignore_index=True)
    return summary, pooled(profiles), rows.sample(min(len(rows), _SAMPLED_ROWS), random_state=model.seed)


def _summary(services: Services, model: Model, champion: Version, reference: Reference, period: datetime) -> Summary | None:
    """The summary of an earlier period: of the reference itself, kept by an earlier check, or made now; None without rows."""
    if (known := reference.summary_of(period)) is not None:
        return known
    digest = champion.tag("train_digest")
    if (kept := services.lake.summary(model.name, digest, period)) is not None:
        return Summary.from_json(kept)
    parts = services.lake.batches(model, period, period + model.feed.period)
    summaries = [summary_of_period(model, part, period, reference.grid) for part in parts]
    if not summaries:
        return None
    summary = merged(summaries)
    services.lake.write_summary(model.name, digest, period, summary.as_json())
    return summary


def _keep_profile(services: Services, model: Model, checked: Checked, period: datetime, mess: NoiseProfile) -> NoiseProfile:
    """The mess of this period, with what is in quarantine; a run to which no row was delivered would only forget that."""
    kept = services.lake.profile(model.name, period)
    if not checked.rows and kept is not None:
        return NoiseProfile.from_json(kept)
    whole = mess.with_quarantine(checked.reasons, checked.quarantined, checked.rows + checked.quarantined)
    services.lake.write_profile(model.name, period, whole.as_json() | {"period": period.isoformat()})
    return whole


def _answers(services: Services, model: Model, champion: Version, reference: Reference, scored: Scored) -> Summary | None:
    """What the champion answered in the newest period; kept, since later periods are compared with it."""
    if not scored.prediction_keys or scored.period is None:
        return None
    rows = services.lake.read_table(scored.prediction_keys[-1])
    if model.period_of(rows[model.feed.time].min().to_pydatetime()) != scored.period:
        return None
    summary = answers_summary(model, from_columns(rows), reference.grid)
    services.lake.remember(model.name, champion.number, "answers", scored.period, summary.as_json())
    return summary


def _labels(services: Services, model: Model, reference: Reference, as_of: datetime) -> Summary | None:
    """The labels of the newest period in which all were due; None where that is one of the reference, or none came."""
    period = model.period_of(as_of - model.feed.label_delay) - model.feed.period
    if period <= reference.starts[-1]:
        return None
    rows = services.lake.read(model, services.lake.files(model, period, period + model.feed.period), features=())
    known = rows[label_known(rows, model, as_of)]
    return (
        summarise(known, [model.label], reference.grid) if len(known) >= model.feed.mature_share * max(len(rows), 1) else None
    )


# What is made of it


def _judge(
    services: Services, model: Model, champion: Version, reference: Reference, newest: Newest, period: datetime
) -> list[Moved]:
    """What stands out by enough, or for a second period; remembered, so that the next check knows what was calm."""
    before = next(iter(services.lake.remembered(model.name, champion.number, "drift", period, newest=1).values()), None) or {}
    stood, calm = before.get("stood", {}), _calm(before, period, model)
    earlier = _earlier(services, model, champion, reference, calm, period)
    compared = compare_all(reference, newest, earlier, reference.lag(period, model.feed.period))
    weights = reference.weights
    average = 1 / len(weights)
    looked_at = {one.view: weights.get(one.view, average) for one in compared}
    at_once = {one.view for one in standing(compared, looked_at, AT_ONCE)}
    in_a_row = {one.view: stood.get(one.view, 0) + 1 for one in standing(compared, looked_at, IN_A_ROW)}
    services.lake.remember(
        model.name,
        champion.number,
        "drift",
        period,
        {
            "stood": in_a_row,
            "calm": {
                one.view: calm.get(one.view, period).isoformat() if one.view in in_a_row else period.isoformat()
                for one in compared
            },
        },
    )
    told = [one for one in compared if one.view in at_once or in_a_row.get(one.view, 0) > 1]
    seasons = _seasons(services, model, champion, reference, newest, told, period)
    return [
        Moved(
            view=one.view,
            kind=kind_of(one),
            what=(what := in_words(one, reference, newest)),
            effect=round(one.effect, 4),
            in_a_row=in_a_row.get(one.view, 1),
            weight=round(looked_at[one.view], 4),
            season=seasons.get(one.view, ""),
            says=f"{one.view}: {what}",
        )
        for one in sorted(told, key=lambda one: -looked_at[one.view])
    ]


def _calm(before: Mapping[str, Any], period: datetime, model: Model) -> dict[str, datetime]:
    """The last calm period of each view, as the newest earlier check remembers it."""
    return {view: datetime.fromisoformat(start) for view, start in before.get("calm", {}).items()}


def _earlier(
    services: Services,
    model: Model,
    champion: Version,
    reference: Reference,
    calm: Mapping[str, datetime],
    period: datetime,
) -> Earlier:
    """What the newest period is compared with, beside the reference: where nothing is remembered, the period before it."""
    starts = {view: calm.get(view, period - model.feed.period) for view in reference.views}
    summaries = {start: _summary(services, model, champion, reference, start) for start in set(starts.values())}
    baselines: dict[str, tuple[View, int]] = {}
    for view, start in starts.items():
        if (summary := summaries[start]) is not None:
            baselines[view] = summary.views[view], max(1, round((period - start) / model.feed.period))
    answers = services.lake.remembered(model.name, champion.number, "answers", period, _REMEMBERED)
    profiles = [p for p in services.lake.profiles(model.name, period) if p["period"] >= champion.trained_until.isoformat()]
    return Earlier(
        calm=baselines,
        answers=[Summary.from_json(document) for document in answers.values()],
        mess=[NoiseProfile.from_json(document) for document in profiles[-_REMEMBERED:]],
    )


def _seasons(
    services: Services,
    model: Model,
    champion: Version,
    reference: Reference,
    newest: Newest,
    told: list[Compared],
    period: datetime,
) -> dict[str, str]:
    """For each view that moved, the season that explains it, in words."""
    if name := known_days(model, period):
        return {one.view: f"these days are in the calendar as {name}" for one in told}
    a_year_ago = year_before(model, period)
    then = _summary(services, model, champion, reference, a_year_ago) if told else None
    if then is None:
        return {}
    alike = as_a_year_ago(told, reference, newest.features, then)
    return {view: f"as in the period from {a_year_ago:%Y-%m-%d}" for view, is_alike in alike.items() if is_alike}


def _told(model: Model, period: datetime, moved: list[Moved], broken: Mapping[str, str], url: str | None) -> Drift:
    columns = [column.name for column in model.features]
    drifted = [name for name in columns if name in broken or any(_concerns(one.view) == name for one in moved)]
    says = f"{len(drifted)} of {len(columns)} columns drifted" + (f", {moved[0].says}" if moved else "") + f"; report {url}"
    return Drift(
        period=period,
        columns=len(columns),
        moved=tuple(moved),
        drifted=tuple(drifted),
        broken=tuple(f"{column}: {sign}" for column, sign in broken.items()),
        report_url=url,
        says=says,
    )


def _concerns(view: str) -> str:
    return column_of(view.partition(": ")[0])


# The picture, for people


def _keep_report(
    services: Services, model: Model, champion: Version, period: datetime, reference: pd.DataFrame, current: pd.DataFrame
) -> str | None:
    """The picture for people; nothing is decided by it, so a failure to draw is logged and no more."""
    columns = [c for c in model.features if reference[c.name].notna().any() and current[c.name].notna().any()]
    left, right = (_sample(rows, _PICTURED_ROWS, model.seed) for rows in (reference, current))
    report = Report([DataDriftPreset(num_method=_METHOD, cat_method=_METHOD)])
    try:
        text = report.run(_dataset(right, columns), _dataset(left, columns)).get_html_str(as_iframe=False)
    except Exception:  # noqa: BLE001 - Evidently raises whatever it meets
        _log.exception("Evidently could not draw the report")
        return None
    path = f"drift/{period:%Y-%m-%d}.html"
    return services.registry.log_report(champion.run_id, path, text.replace("</head>", _FITTING, 1))


def _dataset(rows: pd.DataFrame, columns: Iterable[Column]) -> Dataset:
    """Plain floats and texts: Evidently knows no other types."""
    columns = list(columns)
    definition = DataDefinition(
        numerical_columns=[column.name for column in columns if column.kind == "number"],
        categorical_columns=[column.name for column in columns if column.kind != "number"],
    )
    plain = {
        column.name: as_numbers(rows[column.name]) if column.kind == "number" else as_texts(rows[column.name]).astype("object")
        for column in columns
    }
    return Dataset.from_pandas(pd.DataFrame(plain), data_definition=definition)


def _sample(rows: pd.DataFrame, at_most: int, seed: int) -> pd.DataFrame:
    return rows.sample(at_most, random_state=seed) if len(rows) > at_most else rows
