"""One row is followed from its delivery to its answer; a key that names none is refused with what is accepted."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.pipeline import Pipeline

from include.cli import row
from include.cli.row import followed
from include.decisions.scoring.one_row import handed_on, hangs_on
from include.errors import ToolError
from tests.toy import MODEL, World, day, fitted, rows


def lines(world: World, key: str, version: str | None = None) -> str:
    return "\n".join(followed(world.services, world.model, pd.DataFrame([{"id": key}]), version, day(20)))


@pytest.fixture
def scored() -> World:
    """A champion that has scored day 8, whose labels have come."""
    world = World().with_champion()
    world.deliver_day(8)
    world.take_in(day(10))
    world.scored(day(10))
    return world


def test_it_says_what_came_what_was_predicted_and_what_the_answer_hangs_on(scored: World) -> None:
    """Values as delivered, the label, the answer of then, and the answer of now, which is the same."""
    shown, whole = lines(scored, "8-3"), rows(8)
    assert f"  colour: {whole['colour'][3]}" in shown
    assert f"its label is {float(whole['y'][3])}" in shown
    before = next(line for line in shown.splitlines() if line.startswith("version 1 answered "))
    now = next(line for line in shown.splitlines() if line.startswith("version 1 answers "))
    assert before.split()[3] == now.split()[3]
    assert "step columntransformer hands on" in shown
    assert "the answer would move" in shown


def test_what_is_not_known_is_said(scored: World) -> None:
    """No such row; a row without a prediction; a key that lacks a column."""
    with pytest.raises(ToolError, match="no row of toy with this key was taken in"):
        lines(scored, "99-9")
    assert "no version has scored it" in lines(scored, "2-3")
    done = CliRunner().invoke(row.command, ["toy", "id"])
    assert done.exit_code
    with pytest.raises(ToolError, match="Accepted is id=…"):
        row._wanted(MODEL, ["name=3"])


def test_the_feature_that_decides_comes_first() -> None:
    """The toy's label follows x: a row whose x is far from the middle hangs on it, and a typical row on nothing."""
    pipeline, others = fitted(), rows(3)[["x", "z", "colour"]]
    far = pd.DataFrame({"x": [4.0], "z": [0.0], "colour": ["red"]})
    first = hangs_on(MODEL, pipeline, far, others)[0]
    assert (first.feature, first.value) == ("x", 4.0)
    assert first.moved < -0.2
    assert first.typical == others["x"].median()
    typical = pd.DataFrame({"x": [others["x"].median()], "z": [others["z"].median()], "colour": [others["colour"].mode()[0]]})
    assert max(abs(one.moved) for one in hangs_on(MODEL, pipeline, typical, others)) == pytest.approx(0, abs=1e-12)


def test_each_step_is_what_the_next_one_gets() -> None:
    """Fed to the last step, what the step before hands on gives the pipeline's own answer."""
    pipeline = fitted()
    one = rows(3)[["x", "z", "colour"]].head(1)
    ((_, values),) = handed_on(pipeline, one)
    last = pipeline.steps[-1][1]
    answer = last.predict_proba(np.array([[value for _, value in values]]))
    assert answer == pytest.approx(pipeline.predict_proba(one))
    assert len({name for name, _ in values}) == len(values)


def test_steps_that_hand_on_nothing_are_left_out() -> None:
    """A pipeline may say "passthrough", or nothing, in the place of a step."""
    pipeline = fitted()
    (name, columns), last = pipeline.steps[0], pipeline.steps[-1]
    longer = Pipeline([("as it is", "passthrough"), (name, columns), ("none", None), last])
    assert [step for step, _ in handed_on(longer, rows(3)[["x", "z", "colour"]].head(1))] == [name]


def test_a_step_that_raises_takes_nothing_else_away(scored: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came and what was predicted is shown; of the remainder the error."""

    def fail(*_: object) -> None:
        raise KeyError("a column of the team's own code")

    monkeypatch.setattr(row, "handed_on", fail)
    shown = lines(scored, "8-3")
    assert "its label is" in shown
    assert "version 1 answers " in shown
    assert "version 1 cannot be followed further: KeyError" in shown
