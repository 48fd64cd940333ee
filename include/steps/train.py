"""Train: fit one candidate, and score it on the rows that candidates are compared on; one task for each of the pool.

In: the snapshots, and the candidate's name. Out: where its values are kept. It is fitted on the part of the training rows
before these rows, which are scored clean and under noise; no row of the hold-out is read. Where its file declares a search,
its parameters are chosen first, on rows before those. What a candidate's own code raises is told, and the others go on:
`select` stops where all fail.
Safe to run again: values are named by everything that they depend on, and what was computed before is found.
"""

import time

import pandas as pd

from include.adapters.compute import computing, in_parallel
from include.champion.production_noise import production_suite
from include.champion.searching import searched
from include.code_version import lock_digest
from include.decisions.contest.compared import ComparedRows, to_columns
from include.decisions.contest.linear_baseline import candidate_named
from include.decisions.data.labels import labelled, labels_of
from include.decisions.data.training import recipe, rows_to_fit, training_key
from include.decisions.scoring.answering import predict
from include.errors import NoValue, ProvingGroundError
from include.models.contract import Candidate
from include.noise.suite import NoiseSuite
from include.results import Assembled, Searched, Tried
from include.services import StepContext
from include.untrusted_text import words_of

IF_IT_FAILS = "This candidate was not compared; no challenger was registered, and the champion is unchanged."


def run(context: StepContext, assembled: Assembled, candidate: str) -> Tried:
    """One candidate, scored now or before."""
    window = assembled.windows.get(candidate)
    if assembled.train is None or window is None:
        return Tried(candidate=candidate, summary=f"nothing to train: {assembled.skipped or 'another pool was assembled'}")
    if window.compared is None:
        return Tried(candidate=candidate, summary="there is too little history to compare candidates on")
    if context.request.candidate not in ("", candidate):
        return Tried(candidate=candidate, summary=f"candidate {context.request.candidate} alone was asked for")
    chosen = candidate_named(context.model, candidate)
    try:
        return _tried(context, assembled, chosen)
    except NoValue as error:
        # That is the rows' fault, and the same for all: the gate says what is wrong with them.
        return Tried(candidate=candidate, summary=f"candidates are not compared: {error}")
    except ProvingGroundError:
        raise
    except Exception as error:  # noqa: BLE001 - a candidate is a team's own code, and the others go on
        problem = f"{type(error).__name__}: {words_of(error)}"
    return Tried(candidate=candidate, problem=problem, summary=f"candidate {candidate} cannot be compared: {problem}")


def _tried(context: StepContext, assembled: Assembled, candidate: Candidate) -> Tried:
    lake, model = context.services.lake, context.model
    assert assembled.train is not None
    suite, _ = production_suite(context)
    found = searched(context, assembled, candidate, suite) if candidate.search else Searched()
    candidate = candidate_named(model, candidate.name, found.parameters)
    facts = {
        "train_digest": assembled.train.digest,
        "rows": f"{assembled.windows[candidate.name].compared} {assembled.compared_from}",
        "recipe": recipe(model, candidate, candidate.pipeline()),
        "criteria": model.criteria_digest,
        "seed": f"{candidate.seed} {model.seed}",
        "suite": suite.digest(),
        "git": context.services.settings.git_commit,
        "lock": lock_digest(),
    }
    key = lake.trial_key(model.name, training_key(facts), candidate.name)
    if lake.has_table(key):
        summary = f"candidate {candidate.name} was fitted and scored before"
        return Tried(candidate=candidate.name, key=key, searched=found, summary=summary)
    values, seconds = _scored(context, assembled, candidate, suite)
    lake.write_table(key, values)
    summary = f"candidate {candidate.name} is fitted in {seconds:.1f} s, and scored"
    summary += f"; {found.how}" if found.how else ""
    return Tried(candidate=candidate.name, key=key, seconds=seconds, searched=found, summary=summary)


def _scored(context: StepContext, assembled: Assembled, candidate: Candidate, suite: NoiseSuite) -> tuple[pd.DataFrame, float]:
    """For each condition the metric's value and each compared row's influence on it; and the seconds that fitting took."""
    services, model = context.services, context.model
    assert assembled.train is not None
    window = assembled.windows[candidate.name]
    rows = labelled(model, services.lake.read_snapshot(model, assembled.train.digest), context.request.as_of)
    times = rows[model.feed.time]
    fitted_on = rows[(times >= window.compared) & (times < assembled.compared_from)]
    compared = ComparedRows(model, rows[times >= assembled.compared_from].reset_index(drop=True), suite)
    pipeline, began = candidate.pipeline(), time.perf_counter()
    with computing(services.settings, model):
        pipeline.fit(*rows_to_fit(model, candidate, fitted_on, labels_of(model, fitted_on)))
        seconds = time.perf_counter() - began
        predicted = in_parallel(predict, [(model, pipeline, frame) for frame in compared.frames.values()])
    scored = compared.scored(candidate.name, predicted)
    return to_columns(scored), seconds
