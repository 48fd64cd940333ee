"""The ML Test Score of a model: Google's 28 tests of production readiness, scored from what the pipeline has on record.

E. Breck, S. Cai, E. Nielsen, M. Salib, D. Sculley: The ML Test Score: A Rubric for ML Production Readiness and Technical Debt
Reduction. IEEE Big Data 2017. A test counts one point where it runs by itself, again and again; half a point where people do
it, or where it does part of what is asked; else none. The score is that of the weakest of the four sections. Nothing is
claimed that this model's own records do not show: what the pipeline does not do is a zero. Pure and light: the api-server
loads it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from include.models.contract import Model
from include.results import Verdict
from include.statuses import MonitorStatus

# Where the evidence is: pages of this project's, or files beside the version's run in MLflow.
Where = Literal["", "card", "findings", "ledger", "replay", "source"]


@dataclass(frozen=True)
class ScoreInputs:
    """What is on record about a model.

    `gate` is what came of each check of the newest verdict, by name, `examined` what was looked at beside it; `checked` that a
    delivery was checked, `compared` that it was compared with the champion's training rows, `measured` that the champion was
    measured on labels that came later; `replayed` that a replay was run; `happened` the events in the ledger; `committed` that
    the code's commit is known.
    """

    gate: Mapping[str, str]
    examined: frozenset[str] = frozenset()
    checked: bool = False
    compared: bool = False
    measured: bool = False
    replayed: bool = False
    happened: frozenset[str] = frozenset()
    committed: bool = False

    @classmethod
    def of(
        cls, verdict: Verdict | None, check: MonitorStatus | None, *, replayed: bool, events: Iterable[str], commit: str
    ) -> "ScoreInputs":
        """From the newest verdict and the newest status of a check, each None where there is none; `events` of the ledger."""
        return cls(
            gate=verdict.checks if verdict else {},
            examined=frozenset(verdict.examined if verdict else ()),
            checked=check is not None,
            compared=check is not None and check.drift.columns > 0,
            measured=check is not None and check.quality.reference is not None,
            replayed=replayed,
            happened=frozenset(events),
            committed=commit != "unknown",
        )

    def made(self, *names: str) -> bool:
        """Whether the gate made all of these checks, whatever came of them."""
        return all(self.gate.get(name, "not made") != "not made" for name in names)


@dataclass(frozen=True)
class Test:
    """One of the 28: its points (0, 0.5 or 1), why, and where that can be seen."""

    title: str
    points: float
    why: str
    where: Where = ""

    def raised(self, shown: bool, why: str, where: Where, points: float = 1.0) -> "Test":
        """The test with these points where the records show what it asks for."""
        return Test(self.title, points, why, where) if shown else self


@dataclass(frozen=True)
class Score:
    """The four sections with their seven tests."""

    sections: Mapping[str, tuple[Test, ...]]

    @property
    def points(self) -> dict[str, float]:
        """Out of seven, by section."""
        return {name: sum(test.points for test in tests) for name, tests in self.sections.items()}

    @property
    def total(self) -> float:
        """That of the weakest section."""
        return min(self.points.values())

    @property
    def sentence(self) -> str:
        """All of it in a line."""
        parts = ", ".join(f"{name.lower()} {points:g}" for name, points in self.points.items())
        return f"ML Test Score {self.total:g} of 7 ({parts}): the weakest section counts."


def ml_test_score(model: Model, known: ScoreInputs) -> Score:
    """The 28 tests in the order of the paper."""
    return Score(
        {
            "Data": _data(known),
            "Model": _model(model, known),
            "Infrastructure": _infrastructure(known),
            "Monitoring": _monitoring(model, known),
        }
    )


def _data(known: ScoreInputs) -> tuple[Test, ...]:
    return (
        Test(
            "Feature expectations are captured in a schema", 0.5, "the schema is declared; no delivery was checked by it yet"
        ).raised(known.checked, "types, ranges and domains of every column are checked in each delivery", "findings"),
        Test("All features are beneficial", 0.0, "what each feature is worth was not measured yet").raised(
            "importance" in known.examined,
            "what each feature is worth is measured in every validation, and those that earn nothing are named",
            "card",
        ),
        Test("No feature's cost is too much", 0.0, "what a column costs is not known here").raised(
            "importance" in known.examined and known.made("budgets"),
            "features that earn nothing are named, and what all of them cost has a budget; a single one's is not measured",
            "card",
            0.5,
        ),
        Test("Features adhere to meta-level requirements", 0.0, "no delivery was checked yet").raised(
            known.checked,
            "a candidate gets the declared columns alone; label, times and declared groups are refused as features",
            "source",
        ),
        Test(
            "The data pipeline has appropriate privacy controls", 0.0, "no row was erased yet, not as a rehearsal either"
        ).raised(
            "erased" in known.happened, "rows were erased at request; who may read the lake is not tested here", "ledger", 0.5
        ),
        Test(
            "New features can be added quickly", 0.5, "a line in the model's file; how long it takes is not measured", "source"
        ),
        Test("All input feature code is tested", 0.5, "tests/models runs it on synthetic rows in each run", "source").raised(
            known.made("sound"),
            "a part of the pipeline, which a fresh process runs on real rows before each verdict; tests/models runs it too",
            "card",
        ),
    )


def _model(model: Model, known: ScoreInputs) -> tuple[Test, ...]:
    slices = ", ".join(model.criteria.slices)
    return (
        Test("Model specs are reviewed and submitted", 0.0, "no commit is known").raised(
            known.committed, "the commit is on the version; a review of it is not", "card", 0.5
        ),
        Test("Offline and online metrics correlate", 0.0, "no champion was measured on labels that came later, yet").raised(
            known.measured, "each champion's value on the holdout is compared with its value on later labels", "findings"
        ),
        Test("All hyperparameters have been tuned", 0.0, "no other parameters were tried yet")
        .raised("pool" in known.examined, "several recipes are compared in each retraining; none is searched", "card", 0.5)
        .raised("search" in known.examined, "parameters are searched in each retraining, on rows before the hold-out", "card"),
        Test("The impact of model staleness is known", 0.0, "no replay was run: trigger the model's replay DAG").raised(
            known.replayed, "a replay of history says what each age of the model would have cost", "replay"
        ),
        Test("A simpler model is not better", 0.0, "not judged against trivial answers yet")
        .raised(known.made("baselines"), "beats trivial answers on the same rows; a simple model was not tried", "card", 0.5)
        .raised("baseline" in known.examined, "is compared with a linear model in each retraining", "card"),
        Test(
            "Model quality is sufficient on important data slices",
            0.0,
            "slices are named; no challenger was judged on them yet" if slices else "the model names no slices",
        ).raised(bool(slices) and known.made("harm"), f"a loss in one value of {slices} refuses a challenger", "card"),
        Test(
            "The model has been tested for considerations of inclusion", 0.0, "no groups are declared, or none was compared"
        ).raised(
            "groups" in known.examined,
            f"by how much {', '.join(model.criteria.fairness)} differ is measured; a loss in one group refuses a challenger",
            "card",
        ),
    )


def _infrastructure(known: ScoreInputs) -> tuple[Test, ...]:
    judged = known.made("sound")
    return (
        Test(
            "Training is reproducible",
            0.5,
            "data digest, seed, commit and lock name every training; whether it repeats was not shown",
            "card" if judged else "",
        ).raised(
            "repeatable" in known.examined, "each recipe is fitted twice on the same rows, and answered the same", "card"
        ),
        Test("Model specs are unit tested", 1.0, "tests/models examines every model's file in each run", "source"),
        Test(
            "The full ML pipeline is integration tested",
            0.5,
            "make test runs the whole loop on the examples; this model has not gone through it yet",
            "source",
        ).raised(
            known.checked and "promoted" in known.happened,
            "make test runs the whole loop on the examples, and this model went from a delivery to champion by it",
            "ledger",
        ),
        Test("Model quality is validated before attempting to serve it", 0.0, "no challenger was judged yet").raised(
            judged, "the gate judges every challenger before the alias moves", "card"
        ),
        Test("The model is debuggable", 0.0, "nothing is kept yet").raised(
            judged,
            "inputs, answers and scorecard are kept by period and version; the command `row` follows a row through each step",
            "card",
        ),
        Test("Models are canaried before they enter production serving", 0.0, "no version was tried yet")
        .raised(judged, "loaded and queried by a fresh process first; no look of a probation was taken yet", "card", 0.5)
        .raised(
            "looked" in known.happened,
            "loaded and queried by a fresh process first, then compared with the one before on the rows of production",
            "ledger",
        ),
        Test("Serving models can be rolled back", 0.5, "is one run, and tested; not done for this model yet").raised(
            "rolled_back" in known.happened, "was done for this model, and is one run", "ledger"
        ),
    )


def _monitoring(model: Model, known: ScoreInputs) -> tuple[Test, ...]:
    judged = known.made("sound")
    budgets = known.made("budgets")
    cost = "latency, size or memory has a budget" if budgets else "shown on the card; none has a budget"
    return (
        Test("Dependency changes result in notification", 0.0, "no delivery was checked yet").raised(
            known.checked, "a feed that breaks stops the run and pages; the lock is part of each version", "findings"
        ),
        Test("Data invariants hold for inputs", 0.0, "no delivery was checked yet").raised(
            known.checked, "rows that break the contract are quarantined, too many stop the run", "findings"
        ),
        Test("Training and serving are not skewed", 0.0, "nothing was compared with a champion's training rows yet").raised(
            known.compared, "every column is compared with the champion's training rows at each check", "findings"
        ),
        Test("Models are not too stale", 0.0, "nothing was retrained yet").raised(
            known.checked and judged,
            f"after {model.max_model_age.days} days without a retraining one is requested, and an alert says so",
            "findings",
        ),
        Test("Models are numerically stable", 0.0, "no answer was examined yet").raised(
            judged, "an answer that is no finite number blocks a challenger", "card"
        ),
        Test("Computing performance has not regressed", 0.0, "not measured yet").raised(
            judged, cost, "card", 1.0 if budgets else 0.5
        ),
        Test("Prediction quality has not regressed on served data", 0.0, "not measured on labels yet").raised(
            known.measured, "measured on every mature period; decay requests a retraining", "findings"
        ),
    )
