"""The decision card: verdict first, numbers readable, and nothing in it that acts."""

from dataclasses import replace

import pytest

from include.decisions.gate.budgets import Cost
from include.decisions.gate.verdict import Decision
from include.decisions.scoring.fairness import Fairness, Gap
from include.decisions.scoring.importance import Importance
from include.decisions.scoring.in_use import InUse
from include.decisions.scoring.operating_point import OperatingPoint, Outcomes
from include.decisions.scoring.scorecard import ALL_ROWS, CLEAN, Cell, Measured, Scorecard
from include.models.contract import Criteria, Probation, ReviewPlace
from include.noise.catalogue import BY_NAME
from include.reports.card_words import CORRUPTIONS, names_of, summary, what_follows, what_got_worse, with_names
from include.reports.decision_card import LONGEST, CardFacts, decision_card
from include.results import Contestant, Searched, Snapshot
from tests.toy import changed, day

CRITERIA = Criteria(metric="roc_auc", floor=0.6, noisy_floor=0.55, margin=0.02)
FACTS = CardFacts(
    model="toy",
    challenger="7",
    champion="6",
    lane="routine",
    trigger="cadence",
    train=Snapshot(digest="a" * 64, start=day(0), end=day(5), rows=1234),
    holdout=Snapshot(digest="b" * 64, start=day(5), end=day(7), rows=567),
    git_commit="0123456789abcdef",
    suite_digest="feed",
    criteria_digest="c0ffee",
    as_of=day(9),
    seed="7",
)
GAIN = Measured(0.03, 0.01)


def cell(where: str = ALL_ROWS, condition: str = CLEAN, metric: str = "roc_auc", gain: Measured | None = GAIN) -> Cell:
    return Cell(metric, condition, where, 567, 80, 0.73, 0.01, 0.7 if gain else None, gain)


COMPARED = Scorecard(
    "roc_auc", True, 567, 80, (cell(),), 14, "days", 3.2, noisy_challenger=0.7, noisy_champion=0.67, blend=GAIN
)
ALONE = Scorecard("roc_auc", True, 567, 80, (cell(gain=None),), 14, "days", noisy_challenger=0.7)
DECISION = Decision("promote", ("better", "cheaper"))


def card(evidence: Scorecard | None = COMPARED, decision: Decision = DECISION, facts: CardFacts = FACTS) -> str:
    return decision_card(decision, evidence, CRITERIA, facts)


def cells(text: str) -> list[list[str]]:
    """The tables, cell by cell, without the spaces that only make them look better."""
    lines = [line.replace("\u200b\u2003", "") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_an_artifact_that_runs_its_own_code_is_marked() -> None:
    """With its format and the reason that the model's file gives, escaped; on a card without evidence too."""
    marked = replace(FACTS, own_code="mlflow.sklearn, our <b>own</b> code")
    line = r"**The artifact runs its own code when it is loaded:** mlflow.sklearn, our &lt;b&gt;own&lt;/b&gt; code"
    assert line in card(facts=marked).splitlines()
    assert line in card(None, facts=marked).splitlines()
    assert "own code" not in card()


def test_the_verdict_comes_first() -> None:
    """The first line says what was decided, and about what."""
    assert card().splitlines()[0] == "## PROMOTE: toy version 7"
    assert "1. better\n2. cheaper\n" in card()


def test_both_models_stand_side_by_side() -> None:
    """Champion, challenger, gain and interval, for each condition and for the mix that decides."""
    assert ["clean rows", "0.7", "0.73", "+0.03", "+0.0104 to +0.0496"] in cells(card())
    assert ["**clean/noisy mix**", "", "", "**+0.03**", "+0.0104 to +0.0496"] in cells(card())
    assert "567 holdout rows, 80 positive" in card()


def test_a_first_champion_stands_alone() -> None:
    """No column is made up for a champion that does not exist."""
    text = card(ALONE, facts=replace(FACTS, champion=None))
    assert "no champion to compare with" in text
    assert ["clean rows", "0.73"] in cells(text)


def test_a_blocked_card_has_no_scorecard() -> None:
    """Without sound evidence no numbers are shown."""
    text = card(None, Decision("blocked", ("the holdout is too small",)))
    assert text.startswith("## BLOCKED")
    assert "holdout rows" not in text


def test_the_card_says_how_to_reproduce_it() -> None:
    """Rows by digest, criteria, noise suite and code."""
    for text_there in (
        "`aaaaaaaaaaaaaaaa`",
        "`bbbbbbbbbbbbbbbb`",
        "`c0ffee`",
        "seed 7",
        "as of 2024-01-10T00:00:00Z",
        "`feed`",
        "`0123456789ab`",
    ):
        assert text_there in card()


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("[here](http://evil.example)", "\\[here\\](http://evil.example)"),
        ("**bold** `code` _it_", "\\*\\*bold\\*\\* \\`code\\` \\_it\\_"),
        ("a | b", "a \\| b"),
        ("one\n## PROMOTE: two\r\n\tthree", "one \\#\\# PROMOTE: two three"),
        ("back\\slash", "back\\\\slash"),
        ("&lt;", "&amp;lt;"),
    ],
)
def test_what_a_person_typed_acts_on_nothing(typed: str, written: str) -> None:
    """Neither a browser nor markdown finds anything in a reason; it stays on its line."""
    text = card(facts=replace(FACTS, trigger=typed), decision=Decision("keep", (typed,)))
    assert f"trigger: {written}\n" in text
    assert f"1. {written}\n" in text


def test_an_overlong_reason_is_truncated() -> None:
    """A description has room for five thousand characters, so one reason does not take them all."""
    assert len(card(facts=replace(FACTS, trigger="x" * 9000))) < 2200


def test_every_part_of_the_evidence_is_on_the_card() -> None:
    """Slices, the other metrics, what production does, cost, the frozen reference, and what a search found."""
    whole = replace(
        COMPARED,
        cells=(
            cell(),
            cell(condition="production"),
            cell("origin=EWR"),
            replace(cell("origin=XX"), tested=False),
            cell(metric="f1"),
        ),
        anchor=Measured(0.1, 0.01),
        robustness=0.9,
        suspects=(cell("dest=ANC"),),
    )
    facts = replace(
        FACTS,
        anchor="2",
        cost=Cost(latency_ms=12.0, size_mb=3.0),
        champion_cost=Cost(latency_ms=11.0),
        production_noise=("missing: x 7 %",),
        override="carol: the column is gone",
        plot_url="http://mlflow.example/decision.png",
    )
    text = card(whole, facts=facts)
    assert ["origin=EWR", "567", "0.7", "0.73", "+0.03", "+0.0104 to +0.0496"] in cells(text)
    assert ["f1", "0.7", "0.73", "+0.03", "+0.0104 to +0.0496"] in cells(text)
    assert ["over the frozen reference, v2", "", "", "+0.1", "+0.0804 to +0.12"] in cells(text)
    assert ["one answer, 95th percentile", "11 ms", "12 ms", "no limit"] in cells(text)
    for text_there in (
        "0.9 times the champion's",
        "Adding production-level noise again changes the challenger by",
        "missing: x 7 %",
        "not tested, fewer than 200 rows",
        "dest=ANC",
        "**Overridden by a person:** carol: the column is gone",
        "](http://mlflow.example/decision.png)",
    ):
        assert text_there in text


def test_a_card_that_is_too_long_keeps_what_decides() -> None:
    """The verdict, its reasons and how to reproduce it stay; tables give way from the end, and the card says so."""
    many = tuple(cell(condition=f"kind of noise number {n}@0.2") for n in range(38))
    long = replace(COMPARED, cells=(cell(), *many, *(cell(f"origin={n}") for n in range(30)), cell(metric="f1")))
    text = decision_card(DECISION, long, CRITERIA, FACTS, LONGEST)
    assert len(text) <= LONGEST
    assert "kind of noise number 37" in text
    assert "### Other metrics" not in text
    assert "The rest is on the whole card, `decision_card.md` beside the run." in text
    assert "### How to reproduce it" in text
    whole = card(long)
    assert len(whole) > LONGEST
    assert "### Other metrics" in whole
    assert "whole card" not in whole


def test_the_card_says_from_how_many_days_the_rows_are_and_what_that_does() -> None:
    """Beside the gain; nothing where each row stands for itself."""
    said = "The rows are from 14 days, and rows of the same one count as one observation"
    assert f"{said}: the gain's variance is 3.2 times that of independent rows (design effect)." in card()
    assert f"{said}." in card(ALONE)
    assert "observation" not in card(replace(COMPARED, cluster_unit="rows"))


def test_features_stand_beside_each_other_with_those_that_earn_nothing() -> None:
    """The challenger's value with its interval, the champion's beside it; a name from a model's file acts on nothing."""
    worth = [Importance("hour", Measured(0.1, 0.01), Measured(0.05, 0.01)), Importance("a*b", Measured(0.001, 0.001), None)]
    text = card(facts=replace(FACTS, importance=worth))
    assert ["hour", "+0.05", "+0.1", "+0.0804 to +0.12"] in cells(text)
    assert ["a\\*b", "not taken", "+0.001", "-0.00096 to +0.00296"] in cells(text)
    assert "**Earn nothing** (upper bound below half a margin): a\\*b." in text
    alone = card(ALONE, facts=replace(FACTS, champion=None, importance=worth))
    assert ["hour", "+0.1", "+0.0804 to +0.12"] in cells(alone)


USED = InUse(
    operating=OperatingPoint(
        "a yes from a score of 0.5",
        Outcomes(90, 40, 30, 840, 712.0),
        Outcomes(80, 40, 40, 840, 600.0),
        Measured(112, 20),
        "EUR",
    ),
    calibration_error={"challenger": 0.04, "champion": 0.02},
    fairness=Fairness(
        (
            Gap("sex", "true positive rate", "sex=m", 0.8, "sex=f", 0.7, 0.04, 0.16, champion=0.05),
            Gap("sex", "roc_auc", "sex=f", 0.81, "sex=m", 0.8, -0.01, 0.03, champion=0.02),
        ),
        ("sex=x",),
    ),
)


def test_what_the_answers_lead_to_stands_beside_the_champion() -> None:
    """Counts of 1,000 rows, what they are worth, and how much more that is; champion first, as everywhere."""
    text = card(facts=replace(FACTS, in_use=USED))
    assert "### In use: a yes from a score of 0.5" in text
    table = cells(text)
    assert ["of 1,000 rows", "champion", "challenger"] in table
    assert ["right yes (true positives)", "80.0", "90.0"] in table
    assert ["worth, EUR", "600", "712"] in table
    assert "More than the champion: +112 EUR (95 % interval +72.8 to +151)." in text


def test_how_groups_differ_is_on_the_card_and_named_where_chance_does_not_explain_it() -> None:
    """Each measure's largest difference; what is shown stands among what could go wrong, as does a group without rows."""
    text = card(facts=replace(FACTS, in_use=USED))
    assert ["true positive rate", "0.05", "0.1", "0.04 to 0.16", "sex=m 0.8, sex=f 0.7"] in cells(text)
    worse = text[text.index("### What got worse") : text.index("### roc_auc")]
    assert "groups differ: true positive rate is 0.8 where sex=m and 0.7 where sex=f" in worse
    assert "groups differ: roc" not in worse
    assert "groups too small to compare: sex=x" in worse
    assert "calibration: predicted and observed shares differ by 0.04 on average, the champion's by 0.02" in worse


def test_the_card_says_whether_both_rely_on_the_same_features() -> None:
    """The correlation of the two orders, and the feature that moved most."""
    worth = [Importance(f"f{at}", Measured(at, 0.1), Measured(3 - at, 0.1)) for at in range(3)]
    text = card(facts=replace(FACTS, importance=worth))
    assert "with a correlation of -1.00 (1: the same order); f0 moved most, from place 1 to 3." in text


def test_many_features_leave_room_for_the_rest() -> None:
    """The most important ones, and how many others there are."""
    worth = [Importance(f"column {number}", Measured(0.9 - number / 100, 0.001)) for number in range(60)]
    text = card(facts=replace(FACTS, importance=worth))
    assert "| column 5 |" in text
    assert "| column 6 |" not in text
    assert "54 more are worth less." in text
    assert "Earn nothing" not in text


def test_what_a_search_chose_stands_beside_the_candidate() -> None:
    """Below the table, with how it was found; a text among the values acts on nothing."""
    found = Searched(parameters={"rate": 0.123456, "leaves": 31, "kind": "a|b"}, how="trial 7 of 20, 5 ended early")
    text = card(facts=replace(FACTS, pool=(Contestant(name="trees", value=0.7, searched=found),)))
    assert "\n\ntrees: rate 0.123, leaves 31, kind a\\|b; trial 7 of 20, 5 ended early\n\n" in text


def test_three_plain_sentences_say_what_it_means() -> None:
    """What was decided, what the comparison shows, and what follows: for each verdict, with and without a champion."""
    shown = card()
    assert "Version 7 may become champion instead of version 6." in shown
    assert "On 567 rows that neither saw, clean and noisy, it is better by 0.03 roc\\_auc" in shown
    for word in ("promote", "keep", "inconclusive", "blocked"):
        for evidence, champion in ((COMPARED, "6"), (ALONE, None), (None, "6")):
            sentences = summary(Decision(word, ("r",)), evidence, "7", champion, "Nobody is asked.")
            assert len(sentences) == (3 if evidence else 2)
            assert all(one.endswith(".") and one[0].isupper() for one in sentences)
    doubtful = replace(COMPARED, blend=Measured(0.01, 0.02))
    assert "which may be chance" in " ".join(summary(DECISION, doubtful, "7", "6"))


def test_what_got_worse_is_named() -> None:
    """Each metric whose interval excludes no change in the wrong direction, on all rows, under noise and in slices."""
    loss, doubt = Measured(-0.03, 0.01), Measured(-0.03, 0.02)
    evidence = replace(
        COMPARED,
        cells=(
            cell(),
            cell(metric="log_loss", gain=loss),
            cell(condition="missing@0.054", gain=loss),
            cell(condition="missing@0.108", gain=doubt),
            cell("origin=EWR", gain=loss),
            cell("origin=EWR", condition="missing@0.054", gain=loss),
            cell("origin=JFK", gain=doubt),
            replace(cell("origin=XX", gain=loss), tested=False),
        ),
    )
    text = card(evidence).partition("got worse or could go wrong")[2].partition("###")[0]
    lines = [line for line in text.splitlines() if line.startswith("* ")]
    assert lines[:3] == [
        "* worse: log\\_loss, clean rows by 0.03 (at least 0.0104, at most 0.0496)",
        "* worse: roc\\_auc, missing values, production level (5.4 %) by 0.03 (at least 0.0104, at most 0.0496)",
        "* worse: roc\\_auc, origin=EWR, clean rows by 0.03 (at least 0.0104, at most 0.0496); under 1 more condition",
    ]
    assert lines[3] == "* 7 comparisons were made: about 0 look worse by chance alone"
    assert len(lines) == 5
    assert "origin=XX" in lines[4]
    assert "Nothing that was measured" in card()


@pytest.mark.parametrize(
    ("evidence", "held_out", "says"),
    [
        (
            replace(COMPARED, cells=(replace(cell(), challenger=0.61),)),
            567,
            "nearly at the floor: roc_auc on clean rows",
        ),
        (
            replace(COMPARED, noisy_challenger=0.56),
            567,
            "roc_auc on noisy rows is 0.56, the floor is 0.55",
        ),
        (COMPARED, 600, "not counted: 33 of 600 hold-out rows, whose labels have not come"),
    ],
)
def test_what_could_go_wrong_is_named(evidence: Scorecard, held_out: int, says: str) -> None:
    """A floor that is less than a margin away, and rows that did not count, with the reason."""
    (line,) = what_got_worse(evidence, CRITERIA, held_out, {})
    assert says in line


def test_conditions_are_in_words() -> None:
    """In the tables and in sentences; a severity that the model's file sets is no level of production."""
    names = names_of(["clean", "missing@0.054", "missing@0.108", "typo@0.2", "case@0.3", "production x2"], fixed=["case"])
    assert names == {
        "clean": "clean rows",
        "missing@0.054": "missing values, production level (5.4 %)",
        "missing@0.108": "missing values, twice production level (11 %)",
        "typo@0.2": "typing slips, 20 % of values",
        "case@0.3": "upper and lower case, 30 % of values",
        "production x2": "all noise, twice production level",
    }
    assert with_names("worse on missing@0.054 by 0.1", names) == "worse on missing values, production level (5.4 %) by 0.1"
    text = card(replace(COMPARED, cells=(cell(), cell(condition="missing@0.054"), cell(condition="missing@0.108"))))
    assert "@0" not in text


def test_every_corruption_has_words() -> None:
    """One that is added to the catalogue is named here too."""
    assert set(CORRUPTIONS) == set(BY_NAME)


@pytest.mark.parametrize(
    ("where", "probation", "said"),
    [
        ("none", Probation(periods=4), "Nobody is asked, it is promoted now; then it is on probation for 4 days against"),
        (
            "orchestrator",
            Probation(periods=1, looks=1),
            "A person is asked in Prefect; then it is on probation for 1 day against",
        ),
        ("registry", None, "A person is asked in MLflow; there is no probation."),
    ],
)
def test_a_card_says_what_follows(where: ReviewPlace, probation: Probation | None, said: str) -> None:
    """Who is asked, and what watches the new champion."""
    follows = what_follows(changed(probation=probation), where, "Prefect")
    assert follows.startswith(said)
    assert said in card(facts=replace(FACTS, follows=follows))
