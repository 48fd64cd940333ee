"""Detect drift: how does the newest period differ from the rows that the champion was trained on?

In: what was checked and scored. Out: what moved, in words, and the signs that the feed is broken. Limits come from the
champion's own training periods: its baseline, made once for a version, is kept in the lake, so a check reads the newest period
alone, some rows at a time, and keeps a summary of it. Evidently's report is drawn from bounded samples, for people, when
something moved or a person started the run; it decides nothing. Keeps also the period's noise profile, from which the noise
suite takes its severities. Safe to run again: every document is named by version and period, and what a period is compared
with lies before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any

import pandas as pd

from include.adapters.drift_report import draw_report
from include.adapters.object_store import unless_spoilt
from include.adapters.registry import TAKEN_IN, Version
from include.champion.promoted_tags import as_promoted
from include.decisions.data.periods import label_known
from include.decisions.data.values import as_numbers, as_texts
from include.decisions.drift.baseline import Baseline, make_baseline, predictions_summary, summary_of_period, thinned
from include.decisions.drift.broken_feeds import NewestPeriod, broken_signs
from include.decisions.drift.chart_statistics import View
from include.decisions.drift.comparison import (
    AT_ONCE,
    IN_A_ROW,
    PREDICTIONS,
    Compared,
    Earlier,
    Newest,
    compare_all,
    standing,
)
from include.decisions.drift.domain_classifier import ROWS, area_between, areas_within
from include.decisions.drift.importance import importance_of
from include.decisions.drift.season import as_a_year_ago, half_a_year_before, known_days, year_before
from include.decisions.drift.summaries import Summary, column_of, merged, summarise
from include.decisions.drift.volume import (
    VOLUME,
    PeriodRows,
    Volume,
    is_as_a_year_ago,
    judge_volume,
    periods_to_stay,
)
from include.decisions.drift.words import Record, as_moved, in_words, kind_of
from include.decisions.scoring.answering import predict
from include.decisions.scoring.predictions import from_columns
from include.models.contract import Column, Model
from include.noise.profile import NoiseProfile, measure_profile, pooled
from include.own_columns import OWN
from include.request import Request
from include.results import Checked, Drift, Moved, Scored
from include.row_digests import digests
from include.services import Services, StepContext
from include.statuses import MonitorStatus, PeriodProfile

IF_IT_FAILS = "Fresh data are curated and scored, drift was not judged; the champion is unchanged."

_SAMPLED_ROWS, _SHUFFLED_ROWS, _PICTURED_ROWS = 6_000, 1_000, 2_000
_REMEMBERED_PERIODS = 26
# Periods that no check has seen, such as those of the hold-out, are read once: the usual number may have moved in them.
_FILLED_PERIODS = 5
_DRAWN = f"{OWN}drawn"


@dataclass(frozen=True)
class DriftMemory:
    """What a check remembers of a period: how long each view has stood out, when it was last calm, how much it moved."""

    in_a_row: Mapping[str, int] = field(default_factory=dict)
    calm: Mapping[str, datetime] = field(default_factory=dict)
    effects: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PredictionsMemory:
    """The summary of a champion's predictions in a period."""

    summary: Summary


@dataclass(frozen=True)
class _Check:
    """One check: of which model and version, for which request, and the baseline that the version is judged by."""

    services: Services
    model: Model
    champion: Version
    baseline: Baseline
    period: datetime
    request: Request

    @property
    def as_of(self) -> datetime:
        """Later rows and labels are not seen."""
        return self.request.as_of

    @property
    def digest(self) -> str:
        """What names the training rows, and so the baseline."""
        return self.champion.tag("train_digest")

    @property
    def columns(self) -> list[Column]:
        """The features that can be compared."""
        return self.baseline.columns(self.model)

    @cached_property
    def is_backfill(self) -> bool:
        """Whether a later time was checked already: what is kept of a period then holds what was delivered since."""
        newest = self.services.lake.newest_status_time(self.model.name, MonitorStatus, self.as_of)
        return newest is not None and newest > self.as_of

    @cached_property
    def kept(self) -> PeriodProfile | None:
        """What an earlier check of the same period kept."""
        return unless_spoilt(lambda: self.services.lake.profile(self.model.name, self.period))

    @property
    def accepted_by(self) -> str:
        """Who called this period's number of rows normal, in this run or an earlier one of the same period."""
        return self.request.asked_by if self.request.normal_now else self.kept.accepted_by if self.kept else ""

    @cached_property
    def before_it(self) -> list[PeriodProfile]:
        """What checks kept of the newest periods before this one, in order."""
        newest = max(_REMEMBERED_PERIODS, 4 * periods_to_stay(self.model.feed.longest_period))
        return self.services.lake.profiles(self.model.name, self.period, newest)

    def before(self, periods: int = 1) -> datetime:
        """Start of an earlier period."""
        return self.model.earlier(self.period, periods)


def run(context: StepContext, checked: Checked, scored: Scored) -> Drift:
    """Drift of the newest period against the champion's training rows."""
    services, model = context.services, context.model
    if scored.champion is None or scored.period is None:
        return Drift(period=scored.period, summary="no champion yet, nothing to compare with")
    champion = as_promoted(services, services.registry.version(model.name, scored.champion.version))
    if champion.tags.get(TAKEN_IN, "1") != str(services.lake.times_taken_in(model.name)):
        older = f"version {champion.number} was trained before the history was taken in again under a changed layout"
        return Drift(period=scored.period, outdated=older, summary=f"{older}: nothing to compare with")
    baseline = baseline_of(services, model, champion)
    check = _Check(services, model, champion, baseline, scored.period, context.request)
    summary, noise, rows = _gather(check)
    if summary is None:
        nothing = f"nothing was delivered for the period from {scored.period:%Y-%m-%d}"
        return Drift(period=scored.period, broken=(f"(rows): {nothing}",), summary=nothing)
    sample = _baseline_sample(check)
    newest = Newest(
        features=summary,
        predictions=_predictions(check, scored),
        labels=_labels(check),
        noise=_with_quarantine(check, checked, noise),
        separability=area_between(sample, rows, check.columns, model.seed),
        separability_rows=min(len(rows), ROWS),
    )
    volume = _volume(check, summary)
    period = NewestPeriod(summary, _summary(check, check.before()), newest.noise, volume)
    broken = broken_signs(check.baseline, period, check.columns, model.feed)
    _keep_profile(check, newest.noise, broken)
    sound_again = () if broken else _sound_again(check, volume)
    moved = [*_moved_volume(check, volume), *_judge(check, newest, learn=not broken)]
    drifted = _drifted(model, moved, broken)
    # The picture costs more than all of the rest together: it is drawn where there is something to look at, or who looks.
    is_wanted = bool(moved or broken or check.request.by_person)
    result = _result(check, moved, broken, _draw(check, sample, rows, drifted) if is_wanted else None)
    return result.model_copy(update={"sound_again": sound_again, "accepted_by": check.accepted_by})


def baseline_of(services: Services, model: Model, champion: Version) -> Baseline:
    """The baseline of a version: found, or made from its training snapshot, once."""
    kept = unless_spoilt(lambda: services.lake.baseline(model.name, champion.tag("train_digest"), Baseline))
    return kept or _make_baseline(services, model, champion)[0]


def _baseline_sample(check: _Check) -> pd.DataFrame:
    """The sample beside the baseline; a spoilt one is drawn again."""
    sample = unless_spoilt(lambda: check.services.lake.baseline_sample(check.model.name, check.digest))
    return sample if sample is not None else _make_baseline(check.services, check.model, check.champion)[1]


def _make_baseline(services: Services, model: Model, champion: Version) -> tuple[Baseline, pd.DataFrame]:
    """The baseline and its sample, from the training snapshot of a version."""
    digest = champion.tag("train_digest")
    rows = services.lake.read_snapshot(model, digest)
    sample = thinned(rows, _SAMPLED_ROWS)[model.feature_names].reset_index(drop=True)
    answer = partial(predict, model, services.registry.load(model, champion.number))
    importance = importance_of(answer, thinned(sample, _SHUFFLED_ROWS), model.feature_names, model.seed)
    areas = areas_within(rows[model.feature_names], model.periods_of(rows[model.feed.time]), model.features, model.seed)
    baseline = make_baseline(model, rows, importance, areas)
    services.lake.write_baseline(model.name, digest, baseline, sample)
    return baseline, sample


# What is known of the newest period


def _gather(check: _Check) -> tuple[Summary | None, NoiseProfile, pd.DataFrame]:
    """One pass over the period's rows: their summary, which is kept, their noise, and a sample of them."""
    model, summaries, profiles, samples = check.model, [], [], list[pd.DataFrame]()
    for part in check.services.lake.batches(model, check.period, check.before(-1), check.as_of):
        summaries.append(summary_of_period(model, part, check.period, check.baseline.grid, check.columns))
        profiles.append(measure_profile(check.baseline.learned, part, model.features))
        samples = [_lowest([*samples, _with_draw(model, part)])]
    if not summaries:
        return None, NoiseProfile(0), pd.DataFrame(columns=model.feature_names)
    rows = samples[0].drop(columns=_DRAWN).reset_index(drop=True)
    return _keep_summary(check, check.period, summaries), pooled(profiles), rows


def _with_draw(model: Model, rows: pd.DataFrame) -> pd.DataFrame:
    """The features, and a number for each row that follows from its key: whatever files the rows came in, it is the same."""
    drawn = digests(rows, list(dict.fromkeys([*model.feed.key, model.feed.time])))[:, 0]
    return rows[model.feature_names].assign(**{_DRAWN: drawn})


def _lowest(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """The rows that drew the lowest numbers: an even sample, however large each part is."""
    return pd.concat(parts, ignore_index=True).nsmallest(_SAMPLED_ROWS, _DRAWN)


def _summary(check: _Check, period: datetime) -> Summary | None:
    """The summary of an earlier period: of the baseline itself, kept by an earlier check, or made now; None without rows."""
    if (known := check.baseline.summary_of(period)) is not None:
        return known
    kept = unless_spoilt(lambda: check.services.lake.summary(check.model.name, check.digest, period, Summary))
    if kept is not None:
        return kept
    parts = check.services.lake.batches(check.model, period, check.model.later(period), check.as_of)
    summaries = [summary_of_period(check.model, part, period, check.baseline.grid, check.columns) for part in parts]
    return _keep_summary(check, period, summaries) if summaries else None


def _keep_summary(check: _Check, period: datetime, summaries: list[Summary]) -> Summary:
    summary = merged(summaries)
    if not check.is_backfill:
        check.services.lake.write_summary(check.model.name, check.digest, period, summary)
    return summary


def _with_quarantine(check: _Check, checked: Checked, noise: NoiseProfile) -> NoiseProfile:
    """The noise of this period, rows in quarantine included; a run without a delivery keeps what an earlier one measured."""
    if not checked.rows and check.kept is not None:
        return check.kept.profile
    return noise.with_quarantine(checked.reasons, checked.bad_features, checked.rows + checked.bad_features)


def _predictions(check: _Check, scored: Scored) -> Summary | None:
    """What the champion predicted in the newest period."""
    if not scored.prediction_keys:
        return None
    rows = check.services.lake.read_table(scored.prediction_keys[-1])
    if check.model.period_of(rows[check.model.feed.time].min().to_pydatetime()) != check.period:
        return None
    return predictions_summary(check.model, from_columns(rows), check.baseline.grid)


def _labels(check: _Check) -> Summary | None:
    """The labels of the newest period in which all were due; None where it is one of the baseline, or they are late."""
    model, lake = check.model, check.services.lake
    period = model.earlier(model.period_of(check.as_of - model.feed.label_delay))
    if period <= check.baseline.starts[-1]:
        return None
    rows = lake.read(model, lake.files(model, period, model.later(period)), features=(), known_by=check.as_of)
    known = rows[label_known(rows, model, check.as_of)]
    is_mature = len(known) and len(known) >= model.feed.mature_share * len(rows)
    return summarise(known, [model.label], check.baseline.grid) if is_mature else None


# How many rows there are


def _volume(check: _Check, summary: Summary) -> Volume:
    """The period's number of rows beside those of the periods before it, and the season that explains it, where one does."""
    current, history = PeriodRows(check.period, summary.rows, bool(check.accepted_by)), _rows_before(check)
    volume = judge_volume(list(history.values()), current, check.model.feed.longest_period)
    if volume.verdict not in ("rare", "implausible"):
        return volume
    if name := known_days(check.model, check.period):
        return volume.explained_by(f"these days are in the calendar as {name}")
    year_ago = _rows_a_year_ago(check, history)
    if not year_ago or not is_as_a_year_ago(list(history.values()), current, year_ago, abs(volume.miss)):
        return volume
    return volume.explained_by(f"as in the period from {year_before(check.model, check.period):%Y-%m-%d}")


def _rows_before(check: _Check) -> dict[datetime, PeriodRows]:
    """The rows of the periods before, in order: trained on, checked since, or, where no check was, read now and kept.

    A period that was called broken for another reason teaches nothing.
    """
    kept = {one.period: one for one in check.before_it}
    rows = {start: PeriodRows(start, one.profile.rows, bool(one.accepted_by)) for start, one in kept.items()}
    for start, summary in zip(check.baseline.starts, check.baseline.features, strict=True):
        accepted = start in kept and bool(kept[start].accepted_by)
        rows[start] = PeriodRows(start, summary.rows, accepted, trained=True)
    for start in (check.before(back) for back in range(1, _FILLED_PERIODS + 1)):
        if start not in rows and start > check.baseline.starts[0] and (summary_then := _summary(check, start)) is not None:
            rows[start] = PeriodRows(start, summary_then.rows)
    sound = {start for start in rows if start not in kept or set(kept[start].broken) <= {VOLUME}}
    return {start: rows[start] for start in sorted(sound) if start < check.period}


def _rows_a_year_ago(check: _Check, known: Mapping[datetime, PeriodRows]) -> list[PeriodRows]:
    """The rows of the same period a year ago, of five before and of one after it, in order; empty where one is not known."""
    rows, a_year_ago = list[PeriodRows](), year_before(check.model, check.period)
    for start in (check.model.earlier(a_year_ago, back) for back in range(-1, 6)):
        summary = None if start in known else _summary(check, start)
        if start not in known and summary is None:
            return []
        rows.insert(0, known[start] if summary is None else PeriodRows(start, summary.rows))
    return rows


def _keep_profile(check: _Check, noise: NoiseProfile, broken: Mapping[str, str]) -> None:
    """Keep the period's noise and signs; a back-fill keeps those of a period that no run has checked.

    Of another one it only keeps what a person called it.
    """
    lake, name, kept = check.services.lake, check.model.name, check.kept
    if kept is None or not check.is_backfill:
        lake.write_profile(name, PeriodProfile(check.period, noise, tuple(sorted(broken)), check.accepted_by))
    elif check.request.normal_now and kept is not None:
        again = kept.broken == (VOLUME,) or kept.counts_again
        lake.write_profile(name, replace(kept, accepted_by=check.accepted_by, counts_again=again))


def _sound_again(check: _Check, volume: Volume) -> tuple[datetime, ...]:
    """Earlier periods that were called broken for their number of rows alone, which is usual by now: they count again."""
    again = tuple(one.period for one in check.before_it if one.broken == (VOLUME,) and one.period in volume.usual)
    if not check.is_backfill:
        check.services.lake.count_again(check.model.name, again)
    return again


def _moved_volume(check: _Check, volume: Volume) -> list[Moved]:
    """The number of rows as a finding, where it stands out and does not stop the run."""
    if volume.verdict in ("usual", "implausible"):
        return []
    what = volume.in_words
    if volume.verdict == "accepted":
        what += f", normal from now on ({check.accepted_by})" if check.accepted_by else ", the usual number from now on"
    return [
        Moved(
            view=VOLUME,
            kind="volume",
            what=what,
            effect=round(volume.effect, 4),
            before=round(volume.before, 4),
            in_a_row=volume.in_a_row,
            season=volume.season,
            summary=f"{VOLUME}: {what}",
        )
    ]


# What follows from it


def _judge(check: _Check, newest: Newest, learn: bool) -> list[Moved]:
    """What stands out by enough, or for a second period; if it may be learned from, it is remembered for the next check."""
    remembered = check.services.lake.remembered(
        check.model.name, check.champion.number, DriftMemory, check.period, _REMEMBERED_PERIODS
    )
    last = next(reversed(remembered.values()), DriftMemory())
    # In a row means since the period before, and not since a pause.
    flagged = last.in_a_row if check.before() in remembered else {}
    lag = max(1, check.model.periods_between(check.baseline.starts[-1], check.period))
    compared = compare_all(check.baseline, newest, _earlier(check, remembered, last.calm), lag)
    weights = check.baseline.weights
    weights |= {one.view: 1 / len(weights) for one in compared if one.view not in weights}
    at_once = {one.view for one in standing(compared, weights, AT_ONCE)}
    in_a_row = {one.view: flagged.get(one.view, 0) + 1 for one in standing(compared, weights, IN_A_ROW)}
    if learn:
        _remember(check, newest, compared, last.calm, in_a_row)
    reported = [one for one in compared if one.view in at_once or in_a_row.get(one.view, 0) > 1]
    seasons = _seasons(check, newest, reported)
    return [
        as_moved(
            one,
            in_words(one, check.baseline, newest),
            Record(weights[one.view], in_a_row.get(one.view, 1), last.effects.get(one.view, 0.0) if flagged else 0.0),
            seasons.get(one.view, ""),
        )
        for one in sorted(reported, key=lambda one: (one.view not in check.baseline.views, -weights[one.view]))
    ]


def _remember(
    check: _Check, newest: Newest, compared: list[Compared], calm: Mapping[str, datetime], in_a_row: Mapping[str, int]
) -> None:
    memory = DriftMemory(
        in_a_row=in_a_row,
        calm={one.view: calm.get(one.view, check.before()) if one.view in in_a_row else check.period for one in compared},
        effects={one.view: one.effect for one in compared if one.view in in_a_row},
    )
    name, number = check.model.name, check.champion.number
    check.services.lake.remember(name, number, check.period, memory)
    if newest.predictions is not None:
        check.services.lake.remember(name, number, check.period, PredictionsMemory(newest.predictions))


def _earlier(check: _Check, remembered: Mapping[datetime, DriftMemory], calm: Mapping[str, datetime]) -> Earlier:
    """What the newest period is compared with beside the baseline; where nothing is remembered, the period before it."""
    lake, name = check.services.lake, check.model.name
    flagged: dict[datetime, set[str]] = {period: set(memory.in_a_row) for period, memory in remembered.items()}
    starts = {view: calm.get(view, check.before()) for view in check.baseline.views}
    summaries = {start: _summary(check, start) for start in set(starts.values())}
    baselines: dict[str, tuple[View, int]] = {}
    for view, start in starts.items():
        if (summary := summaries[start]) is not None:
            baselines[view] = summary.views[view], max(1, check.model.periods_between(start, check.period))
    profiles = {one.period: one.profile for one in check.before_it}
    predictions = lake.remembered(name, check.champion.number, PredictionsMemory, check.period, _REMEMBERED_PERIODS)
    return Earlier(
        calm=baselines,
        predictions=[one.summary for start, one in predictions.items() if PREDICTIONS not in flagged.get(start, ())],
        # Only the periods of this version: another one's vocabulary finds other misspellings in the same words.
        noise=[(profiles[start], views) for start, views in flagged.items() if start in profiles],
    )


def _seasons(check: _Check, newest: Newest, reported: list[Compared]) -> dict[str, str]:
    """For each view that moved, the season that explains it, in words."""
    if name := known_days(check.model, check.period):
        # Noise is no season: a person has to look, whatever day it is.
        return {one.view: f"these days are in the calendar as {name}" for one in reported if kind_of(one) != "noise"}
    a_year_ago = year_before(check.model, check.period)
    then = _summary(check, a_year_ago) if reported else None
    if then is None:
        return {}
    between = _summary(check, half_a_year_before(check.model, check.period))
    alike = as_a_year_ago(reported, check.baseline, newest.features, then, between)
    return {view: f"as in the period from {a_year_ago:%Y-%m-%d}" for view, is_alike in alike.items() if is_alike}


def _drifted(model: Model, moved: list[Moved], broken: Mapping[str, str]) -> tuple[str, ...]:
    concerned = {*broken, *(column_of(one.view.partition(": ")[0]) for one in moved)}
    return tuple(name for name in model.feature_names if name in concerned)


def _result(check: _Check, moved: list[Moved], broken: Mapping[str, str], url: str | None) -> Drift:
    columns, drifted = check.model.feature_names, _drifted(check.model, moved, broken)
    first = f"; first {moved[0].summary}" if moved else ""
    return Drift(
        period=check.period,
        columns=len(columns),
        moved=tuple(moved),
        drifted=drifted,
        broken=tuple(f"{column}: {sign}" for column, sign in broken.items()),
        report_url=url,
        summary=f"{len(drifted)} of {len(columns)} columns drifted{first}" + (f"; report {url}" if url else ""),
    )


def _draw(check: _Check, sample: pd.DataFrame, current: pd.DataFrame, drifted: tuple[str, ...]) -> str | None:
    """Evidently's report beside the champion's run, drawn from bounded samples; its address, or None where there is none.

    Texts are left out: nearly each is a value of its own, so that their bars say nothing and cost with the square of the rows.
    """
    model = check.model
    numbers = [column.name for column in check.columns if column.kind == "number"]
    categories = [column.name for column in check.columns if column.kind == "category"]
    left, right = (_plain(_sample(rows, _PICTURED_ROWS, model.seed), numbers, categories) for rows in (sample, current))
    text = draw_report(left, right, numbers, categories, drifted)
    day_or_moment = "%Y-%m-%d" if model.feed.longest_period >= timedelta(days=1) else "%Y-%m-%dT%H%M"
    path = f"drift/{check.period.strftime(day_or_moment)}.html"
    return check.services.registry.log_report(check.champion.run_id, path, text) if text else None


def _plain(rows: pd.DataFrame, numbers: list[str], categories: list[str]) -> pd.DataFrame:
    plain: dict[str, Any] = {name: as_numbers(rows[name]) for name in numbers}
    return pd.DataFrame(plain | {name: as_texts(rows[name]).astype("object") for name in categories})


def _sample(rows: pd.DataFrame, at_most: int, seed: int) -> pd.DataFrame:
    return rows.sample(at_most, random_state=seed) if len(rows) > at_most else rows
