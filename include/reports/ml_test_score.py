"""The ML Test Score of a model: Google's 28 tests of production readiness, scored from what the pipeline has on record.

E. Breck, S. Cai, E. Nielsen, M. Salib, D. Sculley: The ML Test Score: A Rubric for ML Production Readiness and Technical Debt
Reduction. IEEE Big Data 2017. A test counts one point where it runs by itself, again and again; half a point where people do
it, or where it does part of what is asked; else none. The score is that of the weakest of the four sections. Nothing is
claimed that this model's own records do not show: what the pipeline does not do is a zero. Pure and light: the api-server
loads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from include.models.contract import Model
from include.statuses import MonitorStatus

# Where the evidence is: pages of this project's, or files beside the version's run in MLflow.
Where = Literal["", "card", "findings", "ledger", "replay", "source"]


@dataclass(frozen=True)
class ScoreInputs:
    """What is on record about a model.

    `gate` is what came of each check of the newest verdict, by name; `checked` that a delivery was checked, `compared` that it
    was compared with the champion's training rows, `measured` that the champion was measured on labels that came later;
    `replayed` that somebody asked how often to retrain; `went_back` that a rollback was done; `committed` that the code's
    commit is known.
    """

    gate: Mapping[str, str]
    checked: bool = False
    compared: bool = False
    measured: bool = False
    replayed: bool = False
    went_back: bool = False
    committed: bool = False

    @classmethod
    def of(
        cls, gate: Mapping[str, str], check: MonitorStatus | None, *, replayed: bool, went_back: bool, commit: str
    ) -> "ScoreInputs":
        """From the newest status of a check, None where there is none."""
        return cls(
            gate=gate,
            checked=check is not None,
            compared=check is not None and check.drift.columns > 0,
            measured=check is not None and check.quality.reference is not None,
            replayed=replayed,
            went_back=went_back,
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
            "Infrastructure": _infrastructure(model, known),
            "Monitoring": _monitoring(model, known),
        }
    )


def _if(shown: bool, title: str, why: str, otherwise: str, where: Where, part: float = 0.0, whole: float = 1.0) -> Test:
    """`whole` of a point where the records show it, and where that is seen; else `part` of one."""
    return Test(title, whole, why, where) if shown else Test(title, part, otherwise)


def _data(known: ScoreInputs) -> tuple[Test, ...]:
    return (
        _if(
            known.checked,
            "Feature expectations are captured in a schema",
            "types, ranges and domains of every column are held against each delivery",
            "the schema is declared; no delivery was held against it yet",
            "findings",
            0.5,
        ),
        _if(
            known.compared,
            "All features are beneficial",
            "what each column does to the champion's answers is measured; none is left out to see whether it is missed",
            "what a column does to the champion's answers was not measured yet",
            "findings",
            whole=0.5,
        ),
        Test("No feature's cost is too much", 0.0, "what a column costs is not known here"),
        Test("Features adhere to meta-level requirements", 0.0, "rules on where data may come from are not checked"),
        Test(
            "The data pipeline has appropriate privacy controls",
            0.0,
            "who may read the lake is not tested here",
        ),
        Test(
            "New features can be added quickly", 0.5, "a line in the model's file; how long it takes is not measured", "source"
        ),
        Test("All input feature code is tested", 0.5, "make check-model runs it on made-up rows, for who calls it", "source"),
    )


def _model(model: Model, known: ScoreInputs) -> tuple[Test, ...]:
    slices = ", ".join(model.criteria.slices)
    return (
        _if(
            known.committed,
            "Model specs are reviewed and submitted",
            "the commit is on the version; that somebody reviewed it is not",
            "no commit is known",
            "card",
            whole=0.5,
        ),
        _if(
            known.measured,
            "Offline and online metrics correlate",
            "each champion's value on the holdout is held against what labels say later",
            "no champion was measured on labels that came later, yet",
            "findings",
        ),
        Test("All hyperparameters have been tuned", 0.0, "nothing here tunes them"),
        _if(
            known.replayed,
            "The impact of model staleness is known",
            "a replay of history says what each age of the model would have cost",
            "no replay was run: trigger the model's replay DAG",
            "replay",
        ),
        _if(
            known.made("baselines"),
            "A simpler model is not better",
            "beats trivial answers on the same rows; a simple model is not tried",
            "not judged against trivial answers yet",
            "card",
            whole=0.5,
        ),
        _if(
            bool(slices) and known.made("harm"),
            "Model quality is sufficient on important data slices",
            f"a loss in one value of {slices} refuses a challenger",
            "slices are named; nobody was judged on them against a champion yet" if slices else "the model names no slices",
            "card",
        ),
        Test("The model has been tested for considerations of inclusion", 0.0, "what is fair is for people to say"),
    )


def _infrastructure(model: Model, known: ScoreInputs) -> tuple[Test, ...]:
    judged = known.made("sound")
    afterwards = ", compared with the one before afterwards" if model.probation else ""
    return (
        Test(
            "Training is reproducible",
            0.5,
            "data digest, seed, commit and lock name every training; trained twice and compared by make check-model",
            "card" if judged else "",
        ),
        Test("Model specs are unit tested", 1.0, "tests/models examines every model's file in each run", "source"),
        Test(
            "The full ML pipeline is integration tested",
            0.5,
            "make test runs the whole loop on the examples; for this model make check-model does a part of it",
        ),
        _if(
            judged,
            "Model quality is validated before attempting to serve it",
            "the gate judges every challenger before the alias moves",
            "no challenger was judged yet",
            "card",
        ),
        _if(
            judged,
            "The model is debuggable",
            "inputs, answers and scorecard are kept by period and version; there is no way to step through one",
            "nothing is kept yet",
            "card",
            whole=0.5,
        ),
        _if(
            judged,
            "Models are canaried before they enter production serving",
            f"loaded and asked by a fresh process first{afterwards}; no share of traffic is tried",
            "no version was tried yet",
            "card",
            whole=0.5,
        ),
        _if(
            known.went_back,
            "Serving models can be rolled back",
            "was done for this model, and is one run",
            "is one run, and tested; for this model nobody did it yet",
            "ledger",
            0.5,
        ),
    )


def _monitoring(model: Model, known: ScoreInputs) -> tuple[Test, ...]:
    judged = known.made("sound")
    budgets = known.made("budgets")
    cost = "latency, size or memory has a budget" if budgets else "shown on the card; none has a budget"
    return (
        _if(
            known.checked,
            "Dependency changes result in notification",
            "a feed that breaks stops the run and pages; the lock is part of each version",
            "no delivery was checked yet",
            "findings",
        ),
        _if(
            known.checked,
            "Data invariants hold for inputs",
            "rows that break the contract are quarantined, too many stop the run",
            "no delivery was checked yet",
            "findings",
        ),
        _if(
            known.compared,
            "Training and serving are not skewed",
            "every column is compared with the champion's training rows at each check",
            "nothing was compared with a champion's training rows yet",
            "findings",
        ),
        _if(
            known.checked and judged,
            "Models are not too stale",
            f"after {model.max_model_age.days} days without a retraining one is asked for, and an alert says so",
            "nothing was retrained yet",
            "findings",
        ),
        _if(
            judged,
            "Models are numerically stable",
            "an answer that is no finite number blocks a challenger",
            "no answer was examined yet",
            "card",
        ),
        _if(
            judged,
            "Computing performance has not regressed",
            cost,
            "not measured yet",
            "card",
            whole=1.0 if budgets else 0.5,
        ),
        _if(
            known.measured,
            "Prediction quality has not regressed on served data",
            "measured on every mature period; decay asks for a retraining",
            "not measured on labels yet",
            "findings",
        ),
    )
