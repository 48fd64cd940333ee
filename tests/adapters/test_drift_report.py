"""Evidently's report marks what was judged to have drifted, and nothing else, whatever the columns hold."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd

from include.adapters.drift_report import draw_report

RNG = np.random.default_rng(1)


def side(shift: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "calm": RNG.normal(size=300),
            "moved": RNG.normal(shift, 1, 300),
            "empty": float("nan"),
            "colour": pd.Series(RNG.choice(["red", "green"], 300)).astype("object"),
        }
    )


def test_the_report_says_what_the_run_says() -> None:
    """Two columns moved far by its distances; the one that was judged to have drifted is the one that it counts."""
    reference, current = side(0.0), side(5.0)
    for drifted, says in (((), "0 out of 3"), (("moved",), "1 out of 3"), (("moved", "colour"), "2 out of 3")):
        text = draw_report(reference, current, ["calm", "moved", "empty"], ["colour"], drifted)
        assert text is not None
        assert re.search(r"\((\d+ out of \d+)\)", text).group(1) == says  # type: ignore[union-attr]


def test_nothing_to_draw_is_no_report() -> None:
    """Where every column is missing throughout, there is none, and nothing raises."""
    empty = pd.DataFrame({"empty": [float("nan")] * 10})
    assert draw_report(empty, empty, ["empty"], [], ()) is None


def test_a_value_is_no_part_of_the_page() -> None:
    """Evidently writes values into a script of its page: one that would end it is written so that it does not."""
    rows = pd.DataFrame({"colour": ["</script><img src=x onerror=alert(1)>"] * 30 + ["red"] * 30})
    text = draw_report(rows, rows, [], ["colour"], ())
    assert text is not None
    assert "<img src=x" not in text


def test_a_column_of_many_values_has_few_bars() -> None:
    """A page of 2,000 values, each with a bar, says nothing and takes minutes; the frequent ones stay by name."""
    rows = pd.DataFrame({"name": ["often"] * 100 + [f"rare-{number}" for number in range(400)]})
    text = draw_report(rows, rows, [], ["name"], ())
    assert text is not None
    assert "often" in text
    assert "(rarer values)" in text
    assert len(set(re.findall(r"rare-\d+", text))) < 20


def test_what_draws_nothing_does_not_import_evidently() -> None:
    """It is half of what a fresh process of a monitor imports, and most runs draw nothing."""
    imports = "import sys, include.steps.detect_drift; sys.exit('evidently' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", imports], check=False).returncode == 0
