"""A small model and what its upstream delivers: `y` is whether `x`, behind some noise, is positive."""

from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from include.models.contract import Candidate, Column, Criteria, Feed, Model, Retraining, candidate_names
from include.request import Request
from include.results import Assembled, Batch, Champion, Checked, Scored, Snapshot, Trained, Verdict
from include.services import Services, StepContext
from tests.fakes import FakeRegistry, MemoryStore, services

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def build(seed: int) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, RobustScaler

    numbers = make_pipeline(SimpleImputer(), RobustScaler())
    colours = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_pipeline(
        make_column_transformer((numbers, ["x", "z"]), (colours, ["colour"])), LogisticRegression(random_state=seed, C=0.1)
    )


def fitted() -> Any:
    """The pipeline, fitted on a day."""
    known = rows(0)
    return build(1).fit(known[["x", "z", "colour"]], known["y"])


MODEL = Model(
    name="toy",
    owner="testers",
    description="Whether x is positive.",
    task="binary",
    label=Column("y", "number", low=0, high=1, optional=True),
    features=(
        Column("x", "number", low=-50, high=50),
        Column("z", "number", low=-50, high=50, optional=True),
        Column("colour", "category", values=("red", "green", "blue")),
    ),
    # Its rows are drawn one by one: each stands for itself.
    feed=Feed(key=("id",), time="at", period=DAY, label_delay=DAY, schedule="0 6 * * *", cluster=("id",)),
    criteria=Criteria(metric="roc_auc", floor=0.6, noisy_floor=0.55, margin=0.02, min_rows=50, min_positives=10),
    # Only what a test is about asks for a retraining.
    retraining=Retraining(cadence="0 7 * * *", when="decay"),
    candidates=(Candidate(build=build),),
    holdout_periods=2,
    refresh=None,
)


def day(number: int) -> datetime:
    """Start of a day, counted from the first."""
    return FIRST + number * DAY


def rows(number: int, count: int = 60, turned: bool = False) -> pd.DataFrame:
    """All that will ever be known about one day; `turned` is a world in which the answer is the opposite."""
    rng = np.random.default_rng(number)
    x, z = rng.normal(size=count), rng.normal(size=count)
    positive = (x + rng.normal(scale=0.5, size=count) > 0) != turned
    at = [day(number) + timedelta(seconds=60 * turn) for turn in range(count)]
    return pd.DataFrame(
        {
            "id": [f"{number}-{turn}" for turn in range(count)],
            "at": [moment.isoformat() for moment in at],
            "x": x,
            "z": z,
            "colour": rng.choice(["red", "green", "blue"], count),
            "y": positive.astype(int),
        }
    )


@dataclass
class World:
    """The toy model with its services on fakes, and an upstream that delivers days into its landing."""

    model: Model = MODEL
    landing: MemoryStore = field(default_factory=lambda: MemoryStore("landing"))
    lake: MemoryStore = field(default_factory=lambda: MemoryStore("lake"))
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    serving: bool = False
    compares: bool = False

    @property
    def services(self) -> Services:
        """As a step gets them."""
        return services(self.landing, self.lake, self.registry, self.serving)

    def deliver(self, stream: str, name: str, frame: pd.DataFrame) -> str:
        """Put a csv file into landing; returns its key."""
        key = f"toy/{stream}/{name}.csv"
        self.landing.put(key, frame.to_csv(index=False).encode())
        return key

    def deliver_day(self, number: int, turned: bool = False, labels: bool = True) -> None:
        """Features of a day and, unless told otherwise, its labels."""
        whole = rows(number, turned=turned)
        self.deliver("features", f"{number:02}", whole.drop(columns="y"))
        if labels:
            self.deliver("labels", f"{number:02}", whole[["id", "at", "y"]])

    def do(
        self,
        step: str,
        as_of: datetime,
        force: bool = False,
        override: bool = False,
        asked: dict[str, Any] | None = None,
        **inputs: Any,
    ) -> Any:
        """Run one step as of a time; `asked` are other fields of the request."""
        page = f"http://127.0.0.1:8080/dags/toy.{step}/runs/run"
        usual: dict[str, Any] = {"reason": "a test", "run_id": "run", "reason_given": True, "asked_by": "carol", "url": page}
        usual |= {"orchestrator": "Airflow", "answer_url": f"{page}/required_actions"}
        request = Request(as_of=as_of, force=force, override=override, **(usual | (asked or {})))
        context = StepContext(self.services, self.model, request)
        return import_module(f"include.steps.{step}").run(context, **inputs)

    def take_in(self, as_of: datetime) -> Checked:
        """Pull and check, as a run does that goes on to the end: what it took in is counted."""
        batch: Batch = self.do("pull", as_of)
        checked: Checked = self.do("check", as_of, batch=batch)
        self.lake.objects.pop(f"taken_in/{self.model.name}.json", None)
        return checked

    def with_days(self, count: int, turned_from: int | None = None) -> "World":
        """Days 0 to count - 1, delivered and taken in."""
        for number in range(count):
            self.deliver_day(number, turned=turned_from is not None and number >= turned_from)
        self.take_in(day(count + 1))
        return self

    def snapshot(self, start: datetime, end: datetime) -> Snapshot:
        """The rows of these days, fixed."""
        lake = self.services.lake
        rows = len(lake.rows(self.model, start, end))
        return lake.snapshot(self.model, (start, end), lake.files(self.model, start, end), rows)

    def challenge(self, as_of: datetime, force: bool = False) -> tuple[Assembled, Trained, Verdict]:
        """Assemble, train, select and validate."""
        assembled: Assembled = self.do("assemble", as_of, force=force)
        trained = self.train(as_of, assembled, force)
        return assembled, trained, self.do("validate", as_of, force=force, assembled=assembled, trained=trained)

    def train(self, as_of: datetime, assembled: Assembled, force: bool = False) -> Trained:
        """Select the challenger, where the world compares from the whole pool; else the first candidate, which saves time."""
        names = candidate_names(self.model) if self.compares else []
        tried = [self.do("train", as_of, force=force, assembled=assembled, candidate=name) for name in names]
        trained: Trained = self.do("select", as_of, force=force, assembled=assembled, tried=tried)
        return trained

    def promote(self, as_of: datetime, verdict: Verdict) -> Any:
        """Review and promote."""
        return self.do("promote", as_of, verdict=verdict, approval=self.do("review", as_of, verdict=verdict))

    def with_champion(self, days: int = 8) -> "World":
        """A first champion, trained, proved and promoted on the first days."""
        self.with_days(days)
        _, _, verdict = self.challenge(day(days + 1))
        self.promote(day(days + 1), verdict)
        assert self.registry.aliases.get("champion") == "1", verdict
        return self

    def scored(self, as_of: datetime) -> Scored:
        """What score says as of a time."""
        scored: Scored = self.do("score", as_of, checked=Checked(rows=0, quarantined=0, reasons={}))
        return scored


def scored_by(version: str, period: datetime | None, *keys: str) -> Scored:
    """A hand-made result of score."""
    return Scored(champion=Champion(version=version, run_id=f"run-{version}"), period=period, prediction_keys=keys)


def changed(model: Model = MODEL, **changes: Any) -> Model:
    """The toy model with other settings; those of its parts are found by their names."""
    for part in ("feed", "criteria", "retraining", "review"):
        names = {field.name for field in fields(getattr(model, part))}
        inside = {name: changes.pop(name) for name in list(changes) if name in names}
        model = replace(model, **{part: replace(getattr(model, part), **inside)})
    of_candidate = {field.name for field in fields(Candidate)} - {"seed", "name"}
    model = model.with_candidate(**{name: changes.pop(name) for name in list(changes) if name in of_candidate})
    return replace(model, **changes)
