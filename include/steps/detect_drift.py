"""Detect drift: how does the newest period differ from the rows that the champion was trained on?

In: what was checked and scored. Out: what moved, in words, and what says that the feed is broken. Limits come from the
champion's own training periods: its reference, made once for a version, is kept in the lake, so a check reads the newest
period alone, some rows at a time, and keeps a summary of it. Evidently's report is drawn from bounded samples, for people; it
decides nothing. Keeps also the period's noise profile, from which the noise suite takes its severities. Safe to run again:
every document is named by version and period, and what a period is compared with lies before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from include.adapters.drift_report import draw_report
from include.adapters.registry import Version
from include.decisions.data.periods import label_known
from include.decisions.data.values import as_numbers, as_texts
from include.decisions.drift.baseline import Baseline, make_baseline, predictions_summary, summary_of_period, thinned
from include.decisions.drift.broken_feeds import broken_signs
from include.decisions.drift.chart_statistics import View
from include.decisions.drift.comparison import ANSWERS, AT_ONCE, IN_A_ROW, Compared, Earlier, Newest, compare_all, standing
from include.decisions.drift.domain_classifier import ROWS, area_between, areas_within
from include.decisions.drift.importance import importance_of
from include.decisions.drift.season import as_a_year_ago, known_days, year_before
from include.decisions.drift.summaries import Summary, column_of, merged, summarise
from include.decisions.drift.words import as_moved, in_words, kind_of
from include.decisions.scoring.predictions import from_columns
from include.models.contract import Column, Model
from include.noise.profile import NoiseProfile, measure_profile, pooled
from include.request import Request
from include.results import Checked, Drift, Moved, Scored
from include.services import Services
from include.steps.score import predict

IF_IT_FAILS = "Fresh data are curated and scored, drift was not judged; the champion is unchanged."

_SAMPLED_ROWS, _SHUFFLED_ROWS, _PICTURED_ROWS = 6_000, 1_000, 2_000
_REMEMBERED_PERIODS = 26
_DRIFT, _ANSWERS, _DRAWN = "drift", "answers", "_drawn"


@dataclass(frozen=True)
class _Check:
    """One check: of which model and version, as of when, and the reference that the version is judged by."""

    services: Services
    model: Model
    champion: Version
    reference: Baseline
    period: datetime
    as_of: datetime

    @property
    def digest(self) -> str:
        """What names the training rows, and so the reference."""
        return self.champion.tag("train_digest")

    @property
    def columns(self) -> list[Column]:
        """The features that can be compared."""
        return self.reference.columns(self.model)

    def before(self, periods: int = 1) -> datetime:
        """Start of an earlier period."""
        return self.period - periods * self.model.feed.period


def run(services: Services, model: Model, request: Request, checked: Checked, scored: Scored) -> Drift:
    """Drift of the newest period against the champion's training rows."""
    if scored.champion is None or scored.period is None:
        return Drift(period=scored.period, summary="no champion yet, nothing to compare with")
    champion = services.registry.version(model.name, scored.champion.version)
    check = _Check(services, model, champion, reference_of(services, model, champion), scored.period, request.as_of)
    summary, mess, rows = _gather(check)
    if summary is None:
        nothing = f"nothing was delivered for the period from {scored.period:%Y-%m-%d}"
        return Drift(period=scored.period, broken=(f"(rows): {nothing}",), summary=nothing)
    sample = services.lake.reference_sample(model.name, check.digest)
    newest = Newest(
        features=summary,
        answers=_answers(check, scored),
        labels=_labels(check),
        mess=_with_quarantine(check, checked, mess),
        told_apart=area_between(sample, rows, check.columns, model.seed),
        told_apart_rows=min(len(rows), ROWS),
    )
    broken = broken_signs(check.reference, summary, _summary(check, check.before()), check.columns, model.feed, newest.mess)
    profile = newest.mess.as_json() | {"period": scored.period.isoformat(), "broken": sorted(broken)}
    services.lake.write_profile(model.name, scored.period, profile)
    moved = _judge(check, newest, learn=not broken)
    drifted = _drifted(model, moved, broken)
    return _told(check, moved, broken, drifted, _draw(check, sample, rows, drifted))


def reference_of(services: Services, model: Model, champion: Version) -> Baseline:
    """The reference of a version: found, or made from its training snapshot, once."""
    digest = champion.tag("train_digest")
    if (kept := services.lake.reference(model.name, digest)) is not None:
        return Baseline.from_json(kept)
    rows = services.lake.read_snapshot(model, digest)
    sample = thinned(rows, _SAMPLED_ROWS)[model.feature_names].reset_index(drop=True)
    answer = partial(predict, model, services.registry.load(model, champion.number))
    importance = importance_of(answer, thinned(sample, _SHUFFLED_ROWS), model.feature_names, model.seed)
    areas = areas_within(rows[model.feature_names], model.periods_of(rows[model.feed.time]), model.features, model.seed)
    reference = make_baseline(model, rows, importance, areas)
    services.lake.write_reference(model.name, digest, reference.as_json(), sample)
    return reference


# What is known of the newest period


def _gather(check: _Check) -> tuple[Summary | None, NoiseProfile, pd.DataFrame]:
    """One pass over the period's rows: their summary, which is kept, their mess, and a sample of them."""
    model, summaries, profiles, samples = check.model, [], [], list[pd.DataFrame]()
    rng = np.random.default_rng(model.seed)
    for part in check.services.lake.batches(model, check.period, check.before(-1)):
        summaries.append(summary_of_period(model, part, check.period, check.reference.grid, check.columns))
        profiles.append(measure_profile(check.reference.known, part, model.features))
        samples = [_lowest([*samples, part[model.feature_names].assign(**{_DRAWN: rng.random(len(part))})])]
    if not summaries:
        return None, NoiseProfile(0), pd.DataFrame(columns=model.feature_names)
    rows = samples[0].drop(columns=_DRAWN).reset_index(drop=True)
    return _keep_summary(check, check.period, summaries), pooled(profiles), rows


def _lowest(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """The rows that drew the lowest numbers: an even sample, however large each part is."""
    return pd.concat(parts, ignore_index=True).nsmallest(_SAMPLED_ROWS, _DRAWN)


def _summary(check: _Check, period: datetime) -> Summary | None:
    """The summary of an earlier period: of the reference itself, kept by an earlier check, or made now; None without rows."""
    if (known := check.reference.summary_of(period)) is not None:
        return known
    if (kept := check.services.lake.summary(check.model.name, check.digest, period)) is not None:
        return Summary.from_json(kept)
    parts = check.services.lake.batches(check.model, period, period + check.model.feed.period)
    summaries = [summary_of_period(check.model, part, period, check.reference.grid, check.columns) for part in parts]
    return _keep_summary(check, period, summaries) if summaries else None


def _keep_summary(check: _Check, period: datetime, summaries: list[Summary]) -> Summary:
    summary = merged(summaries)
    check.services.lake.write_summary(check.model.name, check.digest, period, summary.as_json())
    return summary


def _with_quarantine(check: _Check, checked: Checked, mess: NoiseProfile) -> NoiseProfile:
    """The mess of this period with what is in quarantine; a run to which no row was delivered would only forget that."""
    kept = check.services.lake.profile(check.model.name, check.period)
    if not checked.rows and kept is not None:
        return NoiseProfile.from_json(kept)
    return mess.with_quarantine(checked.reasons, checked.bad_features, checked.rows + checked.bad_features)


def _answers(check: _Check, scored: Scored) -> Summary | None:
    """What the champion answered in the newest period."""
    if not scored.prediction_keys:
        return None
    rows = check.services.lake.read_table(scored.prediction_keys[-1])
    if check.model.period_of(rows[check.model.feed.time].min().to_pydatetime()) != check.period:
        return None
    return predictions_summary(check.model, from_columns(rows), check.reference.grid)


def _labels(check: _Check) -> Summary | None:
    """The labels of the newest period in which all were due; None where it is one of the reference, or they are late."""
    model, lake = check.model, check.services.lake
    period = model.period_of(check.as_of - model.feed.label_delay) - model.feed.period
    if period <= check.reference.starts[-1]:
        return None
    rows = lake.read(model, lake.files(model, period, period + model.feed.period), features=())
    known = rows[label_known(rows, model, check.as_of)]
    is_mature = len(known) and len(known) >= model.feed.mature_share * len(rows)
    return summarise(known, [model.label], check.reference.grid) if is_mature else None


# What is made of it


def _judge(check: _Check, newest: Newest, learn: bool) -> list[Moved]:
    """What stands out by enough, or for a second period; if it may be learned from, the next check knows what was calm."""
    drifts = _remembered(check, _DRIFT)
    before: dict[str, Any] = next(reversed(drifts.values()), {})
    # In a row means since the period before, and not since a pause.
    stood, calm = before.get("stood", {}) if check.before() in drifts else {}, before.get("calm", {})
    effects: dict[str, float] = before.get("effects", {}) if stood else {}
    lag = check.reference.lag(check.period, check.model.feed.period)
    compared = compare_all(check.reference, newest, _earlier(check, drifts, calm), lag)
    weights = check.reference.weights
    weights |= {one.view: 1 / len(weights) for one in compared if one.view not in weights}
    at_once = {one.view for one in standing(compared, weights, AT_ONCE)}
    in_a_row = {one.view: stood.get(one.view, 0) + 1 for one in standing(compared, weights, IN_A_ROW)}
    now = check.period.isoformat()
    calm = {one.view: calm.get(one.view, check.before().isoformat()) if one.view in in_a_row else now for one in compared}
    if learn:
        now_moved = {one.view: one.effect for one in compared if one.view in in_a_row}
        _remember(check, _DRIFT, {"stood": in_a_row, "calm": calm, "effects": now_moved})
        if newest.answers is not None:
            _remember(check, _ANSWERS, newest.answers.as_json())
    told = [one for one in compared if one.view in at_once or in_a_row.get(one.view, 0) > 1]
    seasons = _seasons(check, newest, told)
    return [
        as_moved(
            one,
            in_words(one, check.reference, newest),
            weights[one.view],
            in_a_row.get(one.view, 1),
            effects.get(one.view, 0.0),
            seasons,
        )
        for one in sorted(told, key=lambda one: (one.view not in check.reference.views, -weights[one.view]))
    ]


def _earlier(check: _Check, drifts: Mapping[datetime, Any], calm: Mapping[str, str]) -> Earlier:
    """What the newest period is compared with beside the reference; where nothing is remembered, the period before it."""
    stood: dict[datetime, set[str]] = {period: set(document["stood"]) for period, document in drifts.items()}
    starts = {view: datetime.fromisoformat(calm[view]) if view in calm else check.before() for view in check.reference.views}
    summaries = {start: _summary(check, start) for start in set(starts.values())}
    baselines: dict[str, tuple[View, int]] = {}
    for view, start in starts.items():
        if (summary := summaries[start]) is not None:
            baselines[view] = summary.views[view], max(1, round((check.period - start) / check.model.feed.period))
    profiles = {start: check.services.lake.profile(check.model.name, start) for start in stood}
    answers = _remembered(check, _ANSWERS)
    return Earlier(
        calm=baselines,
        answers=[Summary.from_json(kept) for start, kept in answers.items() if ANSWERS not in stood.get(start, ())],
        # Only what this version was there for: another one's vocabulary makes other mistakes of the same words.
        mess=[(NoiseProfile.from_json(kept), stood[start]) for start, kept in profiles.items() if kept is not None],
    )


def _seasons(check: _Check, newest: Newest, told: list[Compared]) -> dict[str, str]:
    """For each view that moved, the season that explains it, in words."""
    if name := known_days(check.model, check.period):
        # Mess is no season: somebody has to look, whatever day it is.
        return {one.view: f"these days are in the calendar as {name}" for one in told if kind_of(one) != "mess"}
    a_year_ago = year_before(check.model, check.period)
    then = _summary(check, a_year_ago) if told else None
    if then is None:
        return {}
    alike = as_a_year_ago(told, check.reference, newest.features, then)
    return {view: f"as in the period from {a_year_ago:%Y-%m-%d}" for view, is_alike in alike.items() if is_alike}


def _remember(check: _Check, kind: str, document: dict[str, Any]) -> None:
    check.services.lake.remember(check.model.name, check.champion.number, kind, check.period, document)


def _remembered(check: _Check, kind: str) -> dict[datetime, Any]:
    return check.services.lake.remembered(check.model.name, check.champion.number, kind, check.period, _REMEMBERED_PERIODS)


def _drifted(model: Model, moved: list[Moved], broken: Mapping[str, str]) -> tuple[str, ...]:
    concerned = {*broken, *(column_of(one.view.partition(": ")[0]) for one in moved)}
    return tuple(name for name in model.feature_names if name in concerned)


def _told(check: _Check, moved: list[Moved], broken: Mapping[str, str], drifted: tuple[str, ...], url: str | None) -> Drift:
    columns = check.model.feature_names
    found = f"; first {moved[0].summary}" if moved else ""
    return Drift(
        period=check.period,
        columns=len(columns),
        moved=tuple(moved),
        drifted=drifted,
        broken=tuple(f"{column}: {sign}" for column, sign in broken.items()),
        report_url=url,
        summary=f"{len(drifted)} of {len(columns)} columns drifted{found}; report {url}",
    )


def _draw(check: _Check, reference: pd.DataFrame, current: pd.DataFrame, drifted: tuple[str, ...]) -> str | None:
    """Evidently's report beside the champion's run, drawn from bounded samples; its address."""
    model = check.model
    numbers = [column.name for column in check.columns if column.kind == "number"]
    others = [column.name for column in check.columns if column.kind != "number"]
    left, right = (_plain(_sample(rows, _PICTURED_ROWS, model.seed), numbers, others) for rows in (reference, current))
    text = draw_report(left, right, numbers, others, drifted)
    day_or_moment = "%Y-%m-%d" if model.feed.period >= timedelta(days=1) else "%Y-%m-%dT%H%M"
    path = f"drift/{check.period.strftime(day_or_moment)}.html"
    return check.services.registry.log_report(check.champion.run_id, path, text) if text else None


def _plain(rows: pd.DataFrame, numbers: list[str], others: list[str]) -> pd.DataFrame:
    plain: dict[str, Any] = {name: as_numbers(rows[name]) for name in numbers}
    return pd.DataFrame(plain | {name: as_texts(rows[name]).astype("object") for name in others})


def _sample(rows: pd.DataFrame, at_most: int, seed: int) -> pd.DataFrame:
    return rows.sample(at_most, random_state=seed) if len(rows) > at_most else rows
