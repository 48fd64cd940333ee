"""Refit: train one backtest model per period, as a retraining at its end would have, and score it in every later one.

In: the lake, as of the run. Out: for each model a table on the lake, under a digest of history and recipe. All later questions
("what if we had retrained every month?") are look-ups in these tables. Rows and labels count as they were known at each time:
a label from when it was due, a correction from when it was delivered.
Where there is too little history the run ends here, green, and says why. Safe to run again: only what is missing is trained.
"""

import hashlib
import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pandas as pd

from include.adapters.compute import as_done, computing
from include.adapters.curated import History
from include.adapters.lake import period_in
from include.decisions.data.labels import labelled, labels_of
from include.decisions.data.training import recipe, rows_to_fit
from include.decisions.data.versions import known_at, newest, was_changed
from include.decisions.replay.plan import SCORED_ROWS, BacktestModel, BacktestPlan, judged, plan_backtest, positions
from include.decisions.replay.psi import largest_psi
from include.decisions.replay.scores import JudgedRows, PeriodValues, best_trivial, scores
from include.decisions.replay.search import FEWEST_PERIODS
from include.decisions.scoring.answering import predict
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.metrics import primary_metric
from include.documents import to_bytes
from include.models.contract import Model
from include.own_columns import KNOWN_FROM, LABEL_DELIVERED
from include.results import Refitted
from include.services import StepContext

if TYPE_CHECKING:
    from numpy.typing import NDArray

IF_IT_FAILS = "Models that were fitted are kept: clear the task, and it goes on from there. The champion is unchanged."

# A replay of another form cannot be read as one of this.
_FORM_OF_TABLES = 4
# Starting processes costs seconds in each: they are worth it only where what is left would take longer.
_WORTH_PROCESSES = 60.0
_log = logging.getLogger(__name__)

Tell = Callable[[int, int, float], None]


def in_log(done: int, of: int, left: float) -> None:
    """Progress, as a line in the task's log; `left` is about how many seconds it still takes."""
    _log.info("%d of %d backtest models are scored, about %.0f s to go", done, of, left)


def run(context: StepContext, tell: Tell = in_log) -> Refitted:
    """Every backtest model, trained now or before."""
    services, model, request = context.services, context.model, context.request
    until = model.period_of(request.as_of)
    services.lake.require_layout(model)
    files = [key for key in services.lake.sound_files(model, request.as_of) if period_in(key) < until]
    delivered = services.lake.history(model, files).known_by(request.as_of)
    history = delivered.versions()
    plan = plan_backtest(history, model, until)
    if len(plan.scored) < FEWEST_PERIODS:
        why = f"{len(plan.scored)} periods could be replayed, {FEWEST_PERIODS} are needed. Wait for more."
        return Refitted(skipped=why, summary=f"nothing to replay: {why}")
    digest = _digest(context, plan, delivered)
    services.lake.keep_plan(model.name, digest, plan)
    done = services.lake.replayed(model.name, digest)
    missing = [fit for fit in plan.fits if fit.name not in done]
    began = time.monotonic()
    with computing(services.settings, model):
        for turn, (fit, table) in enumerate(fitted(model, history, plan, missing), start=1):
            services.lake.write_table(services.lake.replay_key(model.name, digest, fit.name), table)
            left = (time.monotonic() - began) / turn * (len(missing) - turn)
            tell(len(plan.fits) - len(missing) + turn, len(plan.fits), left)
    return Refitted(
        digest=digest,
        models=len(plan.fits),
        trained=len(missing),
        periods=len(plan.scored),
        summary=f"{len(plan.fits)} backtest models scored in {len(plan.scored)} periods, {len(missing)} of them trained now",
    )


def fitted(
    model: Model, history: pd.DataFrame, plan: BacktestPlan, missing: Sequence[BacktestModel]
) -> Iterator[tuple[BacktestModel, pd.DataFrame]]:
    """Each model's scores, as they are done: on the cluster, in this process, or over the cores where that takes long."""
    if not missing:
        return
    if model.compute == "dask":
        yield from as_done(_refit_named, [(model, history, plan, fit) for fit in missing])
        return
    began = time.monotonic()
    yield missing[0], refit(model, history, plan, missing[0])
    left, taken = missing[1:], time.monotonic() - began
    if taken * len(left) > _WORTH_PROCESSES and joblib.effective_n_jobs(-1) > 1:
        yield from _over_cores(model, history, plan, left)
    else:
        yield from ((fit, refit(model, history, plan, fit)) for fit in left)


def refit(model: Model, history: pd.DataFrame, plan: BacktestPlan, fit: BacktestModel) -> pd.DataFrame:
    """Train one backtest model and score it in every period from its holdout on.

    Each time with what was known then: `history` has all versions of the rows, where there are several.
    """
    times, columns = history[model.feed.time], model.feature_names
    training = known_at(history[(times >= fit.train_start) & (times < fit.holdout_start)], plan.ends[fit.moment])
    training = labelled(model, training, plan.ends[fit.moment])
    learned = labels_of(model, training)
    pipeline = model.candidate.pipeline()
    pipeline.fit(*rows_to_fit(model, model.candidate, training, learned))
    later = history[times >= fit.holdout_start]
    position = positions(later, plan, model)
    later, position = later[position >= 0], position[position >= 0]
    counted = judged(later, position, plan, model)
    rows, metric, periods = later[counted], primary_metric(model), len(plan.starts)
    judged_rows = JudgedRows(labels_of(model, rows), position[counted], Clusters.of_rows(rows, model.feed))
    values = PeriodValues(
        largest_psi(training[columns], *_as_served(later, position, plan, columns), periods, model.features),
        best_trivial(model.task, metric, learned, judged_rows, periods),
        _on_corrected(model, pipeline, later, plan, rows),
    )
    return scores(metric, judged_rows, predict(model, pipeline, rows), values, fit)


def _as_served(
    later: pd.DataFrame, position: "NDArray[np.int64]", plan: BacktestPlan, columns: Sequence[str]
) -> "tuple[pd.DataFrame, NDArray[np.int64]]":
    """The features of the rows as they were known when their period ended, and the position of it."""
    ends = pd.Series(pd.DatetimeIndex(plan.ends)[position], index=later.index)
    served = known_at(later, ends)
    return served[columns], position[later.index.isin(served.index)]


def _on_corrected(
    model: Model, pipeline: Any, later: pd.DataFrame, plan: BacktestPlan, judged_rows: pd.DataFrame
) -> "NDArray[np.float64]":
    """What a model would be worth in each period on its judged rows as they were corrected after that; NaN where none were."""
    metric, values, key = primary_metric(model), np.full(len(plan.starts), np.nan), list(model.feed.key)
    corrected = newest(later[was_changed(later)]) if was_changed(later).any() else later.head(0)
    of_judged = positions(judged_rows, plan, model)
    for number in np.unique(positions(corrected, plan, model)):
        if not number >= 0 or plan.mature_at[number] >= len(plan.ends):
            continue
        now = corrected[corrected[KNOWN_FROM] > plan.ends[plan.mature_at[number]]]
        rows = judged_rows[of_judged == number]
        changed = rows[key].merge(now, on=key, how="inner")
        if changed.empty:
            continue
        same = rows[~pd.MultiIndex.from_frame(rows[key]).isin(pd.MultiIndex.from_frame(changed[key]))]
        whole = pd.concat([same, changed[same.columns]], ignore_index=True)
        whole = whole[whole[LABEL_DELIVERED] & whole[model.label.name].notna()]
        values[number] = metric.gain(metric.estimate(labels_of(model, whole), predict(model, pipeline, whole))[0])
    return values


def _over_cores(
    model: Model, history: pd.DataFrame, plan: BacktestPlan, missing: Sequence[BacktestModel]
) -> Iterator[tuple[BacktestModel, pd.DataFrame]]:
    """The rows go to the processes through a file, once; joblib works in this one where it may start none."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.parquet"
        history.to_parquet(path)
        jobs = (joblib.delayed(_refit_from)(path, model, plan, fit) for fit in missing)
        with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
            yield from joblib.Parallel(n_jobs=-1, return_as="generator_unordered")(jobs)


def _refit_named(
    model: Model, history: pd.DataFrame, plan: BacktestPlan, fit: BacktestModel
) -> tuple[BacktestModel, pd.DataFrame]:
    return fit, refit(model, history, plan, fit)


def _refit_from(path: Path, model: Model, plan: BacktestPlan, fit: BacktestModel) -> tuple[BacktestModel, pd.DataFrame]:
    return fit, refit(model, _read(path), plan, fit)


@lru_cache(maxsize=1)
def _read(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path)


def _digest(context: StepContext, plan: BacktestPlan, delivered: History) -> str:
    """What names a replay: everything that its tables depend on."""
    model, request = context.model, context.request
    about = {
        "files": delivered.keys,
        # Among the same files, other rows count as of another time where any of them came later.
        "known_by": request.as_of.isoformat() if delivered.changed_since(request.as_of) else None,
        "plan": hashlib.sha256(to_bytes(plan)).hexdigest(),
        "recipe": recipe(model, model.candidate, model.candidate.pipeline()),
        "criteria": model.criteria_digest,
        "seed": model.candidate.seed,
        "rows": SCORED_ROWS,
        "tables": _FORM_OF_TABLES,
        "forced_by": request.run_id if request.force else None,
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
