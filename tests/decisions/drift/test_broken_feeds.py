"""The feed: what happened to a delivery that nothing may be learned from."""

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.decisions.drift.baseline import Baseline, make_baseline, summary_of_period
from include.decisions.drift.broken_feeds import NewestPeriod, broken_signs
from include.decisions.drift.summaries import Summary
from include.decisions.drift.volume import Verdict, Volume
from include.models.contract import Column, Feed, Model
from include.noise.profile import NoiseProfile
from include.own_columns import LABEL_DELIVERED
from tests.toy import FIRST, changed

DAY = timedelta(days=1)
SPEED, COLOUR = Column("speed", "number", optional=True), Column("colour", "category", optional=True)
MODEL: Model = changed(
    features=(SPEED, COLOUR), feed=Feed(key=("id",), time="at", period=DAY, label_delay=DAY, schedule="0 6 * * *")
)
CALM = NoiseProfile(100)


def frame(number: int = 9, rows: int = 100, **changes: Any) -> pd.DataFrame:
    """A hundred ordinary rows over a day, with some columns exchanged."""
    rng = np.random.default_rng(number)
    at = FIRST + number * DAY + pd.to_timedelta(np.linspace(0, 86_000, rows), unit="s")
    colours = pd.Series(rng.choice(["red", "green", "blue"], rows), dtype="object")
    whole = pd.DataFrame({"at": at, "speed": rng.normal(size=rows), "colour": colours, "y": 1.0, LABEL_DELIVERED: True})
    return whole.assign(**changes)


def baseline(**changes: Any) -> Baseline:
    rows = pd.concat([frame(number, **changes) for number in range(8)], ignore_index=True)
    return make_baseline(MODEL, rows, {}, [])


def signs(now: pd.DataFrame, usual: Baseline | None = None, before: Summary | None = None) -> dict[str, str]:
    usual = usual or baseline()
    return broken_signs(usual, NewestPeriod(summarised(now, usual), before, CALM), MODEL.features, MODEL.feed)


def summarised(rows: pd.DataFrame, usual: Baseline) -> Summary:
    return summary_of_period(MODEL, rows, FIRST + 9 * DAY, usual.grid)


def sometimes_without_speed() -> Baseline:
    """Every second period has no speed at all."""
    parts = [frame(number, speed=NEVER) if number % 2 else frame(number) for number in range(8)]
    return make_baseline(MODEL, pd.concat(parts, ignore_index=True), {}, [])


NEVER = [float("nan")] * 100
HOLIDAYS = [None] * 98 + ["red", "green"]
MOSTLY_TEN = [10.0] * 85 + [float(n) for n in range(15)]
CASES = [
    ("all is well", frame(), baseline(), {}),
    ("vanished", frame(speed=NEVER), baseline(), {"speed": "missing in every row, usually in 0%"}),
    ("never there", frame(speed=NEVER), baseline(speed=NEVER), {}),
    ("frozen number", frame(speed=7.0), baseline(), {"speed": "frozen at «7.0»"}),
    ("frozen category", frame(colour="red"), baseline(), {"colour": "frozen at «red»"}),
    ("always the same", frame(colour="red"), baseline(colour="red"), {}),
    ("a rare value", frame(colour=[None] * 99 + ["red"]), baseline(colour=HOLIDAYS), {}),
    ("frozen with gaps", frame(speed=[7.0] * 95 + NEVER[:5]), baseline(), {"speed": "frozen at «7.0»"}),
    ("usually at its maximum", frame(speed=10.0), baseline(speed=MOSTLY_TEN), {}),
    ("usually in some periods only", frame(speed=NEVER), sometimes_without_speed(), {}),
    ("three rows without a value", frame(rows=3, speed=NEVER[:3]), baseline(speed=[*NEVER[:80], *range(20)]), {}),
    ("three rows of one colour", frame(rows=3, colour="red"), baseline(), {}),
    ("both at once", frame(speed=NEVER, colour="red"), baseline(), {"speed": "missing", "colour": "frozen"}),
]


@pytest.mark.parametrize(("now", "usual", "found"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_signs_of_a_broken_feed(now: pd.DataFrame, usual: Baseline, found: dict[str, str]) -> None:
    """Each names its column and says what happened; what has always been so is no sign."""
    reported = signs(now, usual)
    assert set(reported) == set(found)
    assert all(reported[column].startswith(words) for column, words in found.items())


def test_what_stands_still_in_every_period_is_not_frozen() -> None:
    """A weekday has one value all day, whatever the days before had."""
    rows = pd.concat([frame(number, speed=float(number % 7)) for number in range(8)], ignore_index=True)
    assert signs(frame(speed=3.0), make_baseline(MODEL, rows, {}, [])) == {}


def test_yesterdays_delivery_sent_again_is_no_delivery() -> None:
    """Other keys and times, the same values."""
    usual = baseline()
    before = summarised(frame(8), usual)
    again = frame(8).assign(at=frame(9)["at"])
    assert signs(again, usual, before) == {"(rows)": "all 100 rows repeat those of the period before"}
    assert signs(frame(9), usual, before) == {}
    alike = make_baseline(MODEL, pd.concat([frame(8).assign(at=frame(number)["at"]) for number in range(8)]), {}, [])
    assert signs(again, alike, before) == {}


def test_a_delivery_that_ends_before_the_period_is_not_whole() -> None:
    """Rows of the first half of the day, as many as on other days."""
    early = frame().assign(at=FIRST + 9 * DAY + pd.to_timedelta(np.linspace(0, 43_000, 100), unit="s"))
    assert signs(early) == {"(time)": "nothing from the last 12 h of the period, usually at most 0 h"}
    assert signs(early.iloc[::20]) == {}, "five rows leave such a gap by chance"


def test_too_few_rows_are_a_broken_feed_only_where_they_are_implausible() -> None:
    """What is rare is reported, and does not stop."""
    usual = baseline()
    cases: list[tuple[Verdict, dict[str, str]]] = [
        ("implausible", {"(volume)": "40 rows, usually about 100"}),
        ("rare", {}),
        ("accepted", {}),
    ]
    for verdict, found in cases:
        volume = Volume(40, 100.0, verdict)
        period = NewestPeriod(summarised(frame(), usual), None, CALM, volume)
        assert broken_signs(usual, period, MODEL.features, MODEL.feed) == found


def test_a_wrong_encoding_is_a_broken_feed() -> None:
    """Half of a column's values read as what they are not, unless about as many are in the training rows."""
    for damaged, found in (
        (0, {"colour": "40% of its values were read in a wrong encoding, usually 0%"}),
        (8, {"colour": "40% of its values were read in a wrong encoding, usually 8%"}),
        (30, {}),
    ):
        usual = baseline(colour=["rosÃ©"] * damaged + ["red", "blue"] * (50 - damaged // 2))
        noise = NoiseProfile(100, rates={"colour": {"mojibake": 0.4}})
        period = NewestPeriod(summarised(frame(), usual), None, noise)
        assert broken_signs(usual, period, MODEL.features, MODEL.feed) == found
