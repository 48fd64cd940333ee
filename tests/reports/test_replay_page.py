"""The page: whole, escaped, and nothing is fetched for it."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from include.decisions.replay.search import replay
from include.models.contract import Model
from include.reports.replay_page import PageFacts, replay_page
from include.reports.replay_text import advice, reason
from tests.backtests import MODEL, backtest
from tests.toy import changed

DRAWN = ("line", "circle", "polyline", "polygon")
NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
FOUND = replay(backtest(periods=46, noise=0.003), MODEL, 0.01)


def page(model: Model = MODEL) -> str:
    facts = PageFacts(model, as_of=NOON, first=NOON, last=NOON, models=40, digest="0123abcd")
    return replay_page(FOUND, facts)


def charts(text: str) -> list[str]:
    """The two charts: every policy, and the ageing curve."""
    return re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)


def test_the_answer_comes_first() -> None:
    """Before any picture or table there is the sentence."""
    text = unescape(page())
    assert text.index(advice(FOUND)) < text.index(reason(FOUND, MODEL)) < text.index("<svg") < text.index("<table")


def test_every_text_is_escaped() -> None:
    """A description, an owner or a currency from a model's file is text, never markup."""
    evil = "<script>alert('x')</script>\"&"
    model = changed(MODEL, owner=evil, description=evil, worth=replace(MODEL.retraining.worth, currency=evil))
    text = page(model)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_nothing_is_fetched() -> None:
    """MLflow shows it in a sandbox: no script, no picture, font or style from elsewhere."""
    assert not re.findall(r"(?:src|href|url|@import)\s*[=(]", page())
    assert "http" not in page()


def test_it_is_well_formed() -> None:
    """Every element that is opened is closed, and pictures are valid XML."""
    opened: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in ("meta", "br", *DRAWN):
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            if tag not in DRAWN:
                assert opened.pop() == tag

    Reader().feed(page())
    assert opened == []
    for chart in charts(page()):
        ElementTree.fromstring(chart)


def test_every_policy_is_a_dot_and_the_named_ones_have_names() -> None:
    """Pointing at a dot tells which policy it is; the recommended and the current one are told apart by class."""
    drawn = charts(page())[0]
    assert drawn.count('class="tried"') == len(FOUND.tried)
    assert drawn.count('class="recommended"') == drawn.count('class="current"') == 1
    for name in ("never", "every week", "recommended", "current settings", "ceiling"):
        assert f">{name}" in drawn


def test_no_label_is_drawn_over_another() -> None:
    """Labels make way for each other."""
    labels = re.findall(r'<text class="label[^"]*" x="([\d.]+)" y="([\d.]+)" text-anchor="(\w+)">([^<]+)', charts(page())[0])
    boxes = []
    for x, y, anchor, text in labels:
        width = 6.2 * len(text)
        boxes.append((float(x) - (width if anchor == "end" else 0), float(y), width))
    for number, (x, y, width) in enumerate(boxes):
        for other_x, other_y, other_width in boxes[:number]:
            assert abs(y - other_y) > 11 or x > other_x + other_width or other_x > x + width


@pytest.mark.parametrize("loss", [0.0, 0.004, 0.02])
def test_there_is_a_page_for_every_result(loss: float) -> None:
    """Whether or not models age; half of a model's worth is drawn where the curve comes near it."""
    found = replay(backtest(periods=46, loss=loss, noise=0.002), MODEL, 0.01)
    facts = PageFacts(MODEL, as_of=NOON, first=NOON, last=NOON, models=40, digest="d")
    text = replay_page(found, facts)
    assert "nan" not in re.sub(r"<style>.*</style>", "", text, flags=re.DOTALL)
    assert ("half of a fresh model" in text) == (loss > 0)
