"""Detect drift: how does the newest period differ from the rows that the champion was trained on?

In: what was checked and scored. Out: drifted columns, and columns that say the feed is broken. The project's own checks come
first, then Evidently's distance, one column at a time, so that a column which cannot be compared is named and does not take
the others down. Keeps Evidently's report, made from a bounded sample, beside the champion's run in MLflow, and the period's
noise profile in the lake, from which the noise suite takes its severities. Safe to run again.
"""

import logging

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import ValueDrift
from evidently.presets import DataDriftPreset

from include.adapters.registry import Version
from include.decisions.drift import DISTANCE_THRESHOLD, check_feed, comparable
from include.models.contract import Column, Model
from include.noise.profile import measure_profile
from include.references import Checked, Drift, Scored
from include.run import Request
from include.services import Services

IF_IT_FAILS = "Fresh data are curated and scored, drift was not judged; the champion is unchanged."

_METHOD = "jensenshannon"
_COMPARED_ROWS, _PICTURED_ROWS = 20_000, 2_000
# Evidently lays its report out for 907 pixels and cuts off what does not fit; the pane of MLflow's page is narrower.
_FITTING = "<style>body { min-width: 960px } @media (max-width: 960px) { body { zoom: 0.63 } }</style></head>"

_log = logging.getLogger(__name__)


def run(services: Services, model: Model, request: Request, checked: Checked, scored: Scored) -> Drift:
    """Drift of the newest period against the champion's training rows."""
    if scored.champion is None or scored.period is None:
        return Drift(period=scored.period, says="no champion yet, nothing to compare with")
    champion = services.registry.version(model.name, scored.champion.version)
    reference = services.lake.read_snapshot(model, champion.tag("train_digest"))
    current = services.lake.rows(model, scored.period, scored.period + model.feed.period)
    if current.empty:
        nothing = f"nothing was delivered for the period from {scored.period:%Y-%m-%d}"
        return Drift(period=scored.period, broken=(f"(rows): {nothing}",), says=nothing)
    _keep_profile(services, model, checked, scored, reference, current)
    findings = check_feed(reference, current, model.features, model.periods_of(reference[model.feed.time]))
    reference, current = _sample(reference, _COMPARED_ROWS, model), _sample(current, _COMPARED_ROWS, model)
    distant = [column.name for column in model.features if _distance(reference, current, column) > DISTANCE_THRESHOLD]
    drifted = list(dict.fromkeys([finding.column for finding in findings] + distant))
    url = _keep_report(services, model, champion, scored, reference, current)
    return Drift(
        period=scored.period,
        columns=len(model.features),
        drifted=tuple(drifted),
        broken=tuple(f"{finding.column}: {finding.what}" for finding in findings if finding.broken),
        report_url=url,
        says=f"{len(drifted)} of {len(model.features)} columns drifted; report {url}",
    )


def _keep_profile(
    services: Services, model: Model, checked: Checked, scored: Scored, reference: pd.DataFrame, current: pd.DataFrame
) -> None:
    """The mess of this period. A run to which no row was delivered would only forget what was in quarantine."""
    assert scored.period is not None
    if not checked.rows and services.lake.has_profile(model.name, scored.period):
        return
    delivered = checked.rows + checked.quarantined
    profile = measure_profile(reference, current, model.features, checked.reasons, checked.quarantined, delivered)
    services.lake.write_profile(model.name, scored.period, {"period": scored.period.isoformat()} | profile.as_json())
    _log.info("mess in the period from %s:\n%s", f"{scored.period:%Y-%m-%d}", "\n".join(profile.in_words()) or "none")


def _distance(reference: pd.DataFrame, current: pd.DataFrame, column: Column) -> float:
    """Jensen-Shannon distance, 0 (alike) to 1; infinite where a column cannot be compared, so that it counts as drifted."""
    left, right = comparable(reference[column.name], current[column.name], column)
    if left.empty or right.empty:
        return 0.0 if left.empty and right.empty else float("inf")
    report = Report([ValueDrift(column=column.name, method=_METHOD, threshold=DISTANCE_THRESHOLD)])
    try:
        result = report.run(_dataset(right.to_frame(), [column]), _dataset(left.to_frame(), [column]))
        return float(result.dict()["metrics"][0]["value"])
    except Exception:  # noqa: BLE001 - Evidently raises whatever it meets; the column then counts as drifted, with the trace in the log
        _log.exception("column %s could not be compared", column.name)
        return float("inf")


def _keep_report(
    services: Services, model: Model, champion: Version, scored: Scored, reference: pd.DataFrame, current: pd.DataFrame
) -> str | None:
    """The picture for people; the decision does not depend on it, so a failure to draw is logged and no more."""
    columns = [
        column for column in model.features if reference[column.name].notna().any() and current[column.name].notna().any()
    ]
    left, right = (_sample(rows, _PICTURED_ROWS, model) for rows in (reference, current))
    report = Report([DataDriftPreset(num_method=_METHOD, cat_method=_METHOD)])
    try:
        text = report.run(_dataset(right, columns), _dataset(left, columns)).get_html_str(as_iframe=False)
    except Exception:  # noqa: BLE001 - see above
        _log.exception("Evidently could not draw the report")
        return None
    path = f"drift/{scored.period:%Y-%m-%d}.html"
    return services.registry.log_report(champion.run_id, path, text.replace("</head>", _FITTING, 1))


def _dataset(rows: pd.DataFrame, columns: list[Column]) -> Dataset:
    definition = DataDefinition(
        numerical_columns=[column.name for column in columns if column.kind == "number"],
        categorical_columns=[column.name for column in columns if column.kind != "number"],
    )
    plain = {column.name: rows[column.name].astype("float64" if column.kind == "number" else "object") for column in columns}
    return Dataset.from_pandas(pd.DataFrame(plain), data_definition=definition)


def _sample(rows: pd.DataFrame, at_most: int, model: Model) -> pd.DataFrame:
    return rows.sample(at_most, random_state=model.seed) if len(rows) > at_most else rows
