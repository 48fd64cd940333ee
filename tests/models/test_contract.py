"""Every model keeps the model contract: `pytest tests/models --model <name>` examines one."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io

import include.models
from include.decisions.contest.search import Trial, propose
from include.decisions.data.training import recipe
from include.decisions.scoring.answering import predict
from include.decisions.scoring.metrics import primary_metric
from include.decisions.scoring.predictions import is_constant, numbers_of, same
from include.decisions.scoring.slices import partition
from include.errors import ModelError
from include.formats import format_named
from include.models import all_models, broken_models, find_model, model_names
from include.models.contract import Candidate, Column, Model, Probation, Review, Worth
from include.noise.suite import suite_for
from include.search_space import OneOf, Search
from tests.toy import MODEL, changed

SCIENCE = ("pandas", "numpy", "scipy", "sklearn", "mlflow", "evidently", "optuna", "pandera", "pyarrow", "boto3", "torch")
Check = Callable[[Model], None]
CHECKS: list[Check] = []


def check(function: Check) -> Check:
    CHECKS.append(function)
    return function


def values(column: Column, count: int, rng: np.random.Generator) -> pd.Series:
    """Values that satisfy a column, a tenth of them missing where that is allowed."""
    if column.kind == "number":
        low, high = column.low if column.low is not None else -1000.0, column.high if column.high is not None else 1000.0
        made = pd.Series(rng.uniform(low, high, count).round(2).clip(low, high))
    else:
        made = pd.Series(rng.choice(column.values or ("one", "two", "three", "four"), count)).astype("str")
    return made.mask(rng.random(count) < 0.1) if column.optional else made


def rows(model: Model, count: int = 400, seed: int = 1) -> tuple[pd.DataFrame, Any]:
    """Feature rows that keep the model's columns, and labels that depend on the first number among them."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({column.name: values(column, count, rng) for column in model.features})
    if model.task == "multiclass":
        return frame, rng.choice(np.array(["first", "second", "third"], dtype=object), count)
    lead = next((frame[c.name].fillna(0) for c in model.features if c.kind == "number"), pd.Series(rng.random(count)))
    above = (lead > lead.median()).to_numpy()
    return frame, above.astype("float64") if model.task == "binary" else lead.to_numpy("float64")


def built(model: Model, seed: int = 1) -> Any:
    return replace(model.candidate, seed=seed).pipeline()


@cache
def fitted(model: Model, seed: int) -> Any:
    frame, labels = rows(model)
    return built(model, seed).fit(frame, labels)


def points(model: Model) -> list[Candidate]:
    """The candidate at some points of the space that it is searched in; none without a search."""
    drawn: list[Trial] = []
    while (search := model.candidate.search) and len(drawn) < 4:
        drawn.append(Trial(len(drawn), propose(search, drawn, [], seed=1).parameters, outcome="failed"))
    return [replace(model.candidate, parameters={**model.candidate.parameters, **one.parameters}) for one in drawn]


@check
def fits_and_predicts(model: Model) -> None:
    """Rows that satisfy the columns are enough to fit, and every row gets a finite prediction."""
    predictions = predict(model, fitted(model, 1), rows(model, 50, 2)[0])
    assert len(predictions) == 50
    assert np.isfinite(numbers_of(predictions)).all()
    if model.task != "regression":
        assert ((numbers_of(predictions) >= 0) & (numbers_of(predictions) <= 1)).all()


@check
def learns(model: Model) -> None:
    """Predictions differ between rows: the labels depend on a feature."""
    assert not is_constant(predict(model, fitted(model, 1), rows(model)[0]))


@check
def same_seed_same_predictions(model: Model) -> None:
    """Two fits with one seed say the same, to the last bit."""
    frame, labels = rows(model)
    again = built(model).fit(frame, labels)
    assert same(predict(model, again, frame), predict(model, fitted(model, 1), frame), tolerance=0)


@check
def survives_the_registry(model: Model) -> None:
    """Saved and loaded in its format, it says the same as before, up to the format's tolerance.

    Of skops: with no types but those the model trusts, wherever a search may lead; none of them is superfluous.
    """
    if model.candidate.artifact != "skops":
        survives_its_format(model)
        return
    saved = skops.io.dumps(fitted(model, 1))
    found = set(skops.io.get_untrusted_types(data=saved))
    trusted = model.candidate.trusted_types
    for point in points(model):
        found |= set(skops.io.get_untrusted_types(data=skops.io.dumps(point.pipeline().fit(*rows(model)))))
    pasted = ", ".join(f'"{name}"' for name in sorted(found))
    assert found == set(trusted), f"paste into the candidate: trusted_types=({pasted},)"
    loaded = skops.io.loads(saved, trusted=list(trusted))
    frame, _ = rows(model, 50, 3)
    assert same(predict(model, loaded, frame), predict(model, fitted(model, 1), frame), tolerance=0)


def survives_its_format(model: Model) -> None:
    kept, (frame, _) = format_named(model.candidate.artifact), rows(model, 50, 3)
    pipelines = [fitted(model, 1), *(point.pipeline().fit(*rows(model)) for point in points(model))]
    for pipeline in pipelines:
        with tempfile.TemporaryDirectory() as folder:
            kept.save(pipeline, frame.head(5), path := Path(folder) / "model", model.trusted_types)
            loaded = kept.load(path.read_bytes(), model.trusted_types)
        assert list(loaded.feature_names_in_) == model.feature_names
        assert same(predict(model, loaded, frame), predict(model, pipeline, frame), tolerance=kept.tolerance)


@check
def leaves_its_input_alone(model: Model) -> None:
    """Neither fit nor predict changes the rows: the next model gets the very same."""
    frame, labels = rows(model)
    before = frame.copy(deep=True)
    predict(model, built(model).fit(frame, labels), frame)
    pd.testing.assert_frame_equal(frame, before)


@check
def survives_unseen_categories(model: Model) -> None:
    """A carrier that did not exist last month is scored, not a crash."""
    frame, _ = rows(model, 50, 4)
    for column in model.features:
        if column.kind != "number":
            frame[column.name] = "never seen before"
    assert np.isfinite(numbers_of(predict(model, fitted(model, 1), frame))).all()


@check
def survives_missing_values(model: Model) -> None:
    """The noise suite takes values from every column, optional or not: the model still answers."""
    for column in model.features:
        frame, _ = rows(model, 50, 5)
        frame[column.name] = frame[column.name].mask(np.arange(50) % 2 == 0)
        assert np.isfinite(numbers_of(predict(model, fitted(model, 1), frame))).all(), column.name


@check
def survives_a_column_without_any_value(model: Model) -> None:
    """An optional column may be missing in every row of a period."""
    frame, _ = rows(model, 50, 6)
    for column in model.features:
        if column.optional:
            frame[column.name] = frame[column.name].mask(np.ones(50, dtype=bool))
    assert np.isfinite(numbers_of(predict(model, fitted(model, 1), frame))).all()


@check
def its_metric_exists_and_fits_its_task(model: Model) -> None:
    """The gate can compute what the criteria name."""
    assert primary_metric(model).name == model.criteria.metric


@check
def its_noise_can_be_made(model: Model) -> None:
    """Every condition of its suite can be drawn on rows that keep its columns, and it answers under each of them."""
    suite = suite_for(model, None)
    frame, _ = rows(model, 200, 7)
    for condition in suite.conditions:
        noisy = suite.apply(frame, condition, "check")
        assert np.isfinite(numbers_of(predict(model, fitted(model, 1), noisy))).all(), condition


@check
def its_slices_are_features(model: Model) -> None:
    """What is judged slice by slice has values to be cut by."""
    assert all(partition(rows(model)[0][name]).names for name in model.criteria.slices)


@check
def its_recipe_has_a_name_that_lasts(model: Model) -> None:
    """Each parameter says what it is: an object that prints its address alone would look the same whatever is in it.

    Functions and classes do not matter: their source is a part of the recipe.
    """
    unnamed = re.findall(r"<(?!function |bound method |class )[^<>]* at 0x[0-9a-f]+>", repr(built(model).get_params()))
    assert not unnamed, f"give the class of {unnamed[0]} a __repr__ of its parameters, or make it a BaseEstimator"
    assert recipe(model, model.candidate, built(model)) == recipe(model, model.candidate, built(model))


@check
def it_is_described(model: Model) -> None:
    """A sentence for people, an owner to ask, and schedules of five fields."""
    assert model.description.endswith(".")
    assert model.owner
    assert [len(cron.split()) for cron in (model.feed.schedule, model.retraining.cadence)] == [5, 5]


def each_candidate() -> list[Any]:
    """Every model with each of its candidates alone; named after the model, and the candidate where there are several."""
    return [
        pytest.param(
            replace(model, candidates=(candidate,)),
            id=model.name if len(model.candidates) == 1 else f"{model.name}-{candidate.name}",
        )
        for model in all_models()
        for candidate in model.candidates
    ]


@pytest.mark.parametrize("examine", CHECKS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("model", each_candidate())
def test_model(model: Model, examine: Check) -> None:
    """Each candidate of each model passes each check."""
    examine(model)


@cache
def loaded_by_models() -> dict[str, list[str]]:
    """What each model file has loaded, in an interpreter that loaded nothing before it."""
    code = (
        "import json, sys; from importlib import import_module; seen = {}\n"
        "for name in sys.argv[1:]: import_module(f'include.models.{name}'); seen[name] = sorted(sys.modules)\n"
        "print(json.dumps(seen))"
    )
    names = [model.name for model in all_models()]
    answer = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, check=True)
    seen: dict[str, list[str]] = json.loads(answer.stdout)
    return seen


@pytest.mark.parametrize("name", [model.name for model in all_models()])
def test_importing_a_model_loads_no_science_library(name: str) -> None:
    """Airflow parses DAG files every few seconds, and they import every model."""
    assert not set(SCIENCE) & set(loaded_by_models()[name])


_GOOD = "from dataclasses import replace\nfrom tests.toy import MODEL\nMODEL = replace(MODEL, name='good'"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of models with one that is good."""
    monkeypatch.setattr(include.models, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.setattr(include.models, "__path__", [str(tmp_path)])
    (tmp_path / "good.py").write_text(f"{_GOOD})\n")
    yield tmp_path
    for name in ("good", "broken", "other"):
        sys.modules.pop(f"include.models.{name}", None)
        include.models._imported.pop(name, None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\n", r"broken\.py defines no MODEL: end it with MODEL = Model"),
        ("from tests.toy import MODEL\n", r"broken\.py defines a model named 'toy': name it 'broken'"),
        ("import no_such_library\n", r"broken\.py .*No module named 'no_such_library'"),
        ("MODEL = (\n", r"broken\.py .*was never closed"),
        ("from tests.toy import changed\nMODEL = changed(holdout_periods=0)\n", r"holdout_periods 0: at least 1"),
        (f"{_GOOD.replace('good', 'broken')}, owner='')\n", r"owner '': name the team"),
        (
            f"{_GOOD.replace('good', 'broken')}, retraining=replace(MODEL.retraining, cadence='weekly'))\n",
            "'weekly' is no cron",
        ),
        ("import sys\nsys.exit('not today')\n", r"broken\.py cannot be imported: SystemExit: not today"),
    ],
    ids=["no MODEL", "another name", "import fails", "syntax", "unusable value", "owner", "cadence", "exit"],
)
def test_one_broken_file_costs_one_model(folder: Path, text: str, says: str) -> None:
    """A ModelError says which file, and what is wrong in it; the other models are there."""
    (folder / "broken.py").write_text(text)
    with pytest.raises(ModelError, match=says):
        find_model("broken")
    assert list(broken_models()) == ["broken"]
    assert re.search(says, broken_models()["broken"])
    assert [model.name for model in all_models()] == ["good"]


def test_no_model_here_is_broken() -> None:
    """What the pages leave to a red line is a failure of the tests."""
    assert broken_models() == {}


def test_helpers_are_no_models(folder: Path) -> None:
    """Files whose names begin with _, and packages."""
    (folder / "_shared.py").write_text("x = 1\n")
    (folder / "parts").mkdir()
    (folder / "parts/__init__.py").write_text("x = 1\n")
    assert (model_names(), broken_models()) == (["good"], {})


def test_a_server_that_runs_for_weeks_sees_what_the_file_says_today(folder: Path) -> None:
    """A model that is broken or corrected meanwhile, and one whose file is gone."""
    (folder / "other.py").write_text("x = 1\n")
    assert "defines no MODEL" in broken_models()["other"]
    (folder / "other.py").write_text(f"{_GOOD.replace('good', 'other')})\n")
    assert [model.name for model in all_models()] == ["good", "other"]
    (folder / "other.py").write_text("MODEL = (")
    assert list(broken_models()) == ["other"]
    (folder / "other.py").unlink()
    assert (broken_models(), [model.name for model in all_models()]) == ({}, ["good"])


def test_an_unknown_model_is_refused_with_the_list_of_those_there_are() -> None:
    """The list is computed from the folder."""
    names = ", ".join(model.name for model in all_models())
    with pytest.raises(ModelError, match=f"model 'moods' does not exist; there are: {names}. Add include/models/moods.py"):
        find_model("moods")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "Not Good"}, "name 'Not Good'"),
        ({"features": MODEL.features + MODEL.features[:1]}, r"\['x'\] appear twice"),
        ({"label": MODEL.features[0]}, "label 'x' is also a feature"),
        ({"key": ()}, "feed.key is empty"),
        ({"time": "x"}, "features: 'x' is feed.time"),
        ({"label": Column("id", "number")}, "label 'id' is also in feed.key or feed.time"),
        ({"label": Column("at", "number")}, "label 'at' is also in feed.key or feed.time"),
        ({"key": ("_pg_id",)}, "column '_pg_id': names that begin with _pg_ are the pipeline's own"),
        ({"features": (Column("", "number"),)}, "column '': a name has printable characters"),
        ({"features": (Column("x ", "number"),)}, "column 'x ': a name has printable characters"),
        ({"features": (Column("x\ny", "number"),)}, "a name has printable characters"),
        ({"features": (Column("x: y", "number"),)}, "column 'x: y': reasons and charts use colons"),
        ({"features": (Column("note (length)", "number"),)}, r"column 'note \(length\)': reasons and charts use"),
        ({"features": (Column("(label)", "number"),)}, r"column '\(label\)': reasons and charts use"),
        ({"period": pd.Timedelta(0).to_pytimedelta()}, "feed.period"),
        ({"period": "year"}, "feed.period 'year': accepted are a timedelta above 0, .*, or 'month', 'quarter'"),
        ({"label_delay": pd.Timedelta(days=-1).to_pytimedelta()}, "feed.label_delay"),
        ({"holdout_periods": 0}, "holdout_periods 0"),
        ({"min_train_periods": 0}, "min_train_periods 0"),
        ({"margin": 0.0}, "criteria.margin 0.0: must be above 0"),
        ({"probation": Probation(looks=0)}, "probation.looks 0: from 1 to 10"),
        ({"probation": Probation(periods=20, looks=11)}, "probation.looks 11: from 1 to 10"),
        ({"probation": Probation(periods=2, looks=3)}, "probation.periods 2: at least one for each of the 3 looks"),
        ({"probation": Probation(alpha=0.5)}, "probation.alpha 0.5: above 0 and below 0.5"),
        ({"probation": Probation(then="ask")}, "probation.then 'ask': propose or roll_back"),  # type: ignore[arg-type]
        ({"review": Review(where="slack")}, "review.where 'slack': accepted are none, orchestrator, registry"),  # type: ignore[arg-type]
        ({"review": Review(reviewers="alice")}, "review.reviewers 'alice': name the users one by one"),  # type: ignore[arg-type]
        ({"review": Review(reviewers=("alice", " "))}, "name the users one by one"),
        ({"review": Review(within=pd.Timedelta(0).to_pytimedelta())}, "review.within 0:00:00: must be longer than nothing"),
        ({"worth": Worth(point=0.0)}, "worth .*: both must be above 0"),
        ({"noisy_share": 1.5}, "criteria.noisy_share 1.5"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_a_model_that_could_not_work_is_refused(changes: dict[str, Any], says: str) -> None:
    """Each value is refused by name, with the file in which to correct it."""
    with pytest.raises(ModelError, match=f"{says}.*Correct it in include/models/"):
        changed(**changes)


def untrusted(seed: int, kind: str = "l1") -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = LogisticRegression() if kind == "l1" else HistGradientBoostingClassifier(max_iter=2, random_state=seed)
    return make_pipeline(make_column_transformer((SimpleImputer(), ["x"])), model)


def test_a_space_that_leads_to_an_untrusted_type_is_found_by_the_contract() -> None:
    """A search would otherwise choose it, and only the registry refuse it."""
    searched = changed(build=untrusted, search=Search({"kind": OneOf("l1", "trees")}))
    with pytest.raises(AssertionError, match=r"paste into the candidate: trusted_types=\(.*TreePredictor\",\)"):
        survives_the_registry(searched)


def with_own_code(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    return make_pipeline(
        FunctionTransformer(lambda rows: rows[["x", "z"]].fillna(0.0).clip(-3, 3)), LogisticRegression(random_state=seed)
    )


@pytest.mark.parametrize("examine", CHECKS, ids=lambda function: function.__name__)
def test_a_model_in_another_format_keeps_the_contract(examine: Check) -> None:
    """What a candidate declares as its artifact is what is saved and loaded."""
    examine(changed(build=with_own_code, artifact="mlflow.sklearn", because="a transformer of our own"))
