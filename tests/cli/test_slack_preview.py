"""The preview shows every message that there is, as Slack would."""

import re
from pathlib import Path

from click.testing import CliRunner

from include.alerts import texts as alert_text
from include.cli.__main__ import cli
from include.cli.slack_preview import as_page, messages


def test_every_message_is_shown() -> None:
    """Each function that words a message is asked for an example."""
    source = (Path(__file__).parents[2] / "include/cli/slack_preview.py").read_text()
    words = [name for name in vars(alert_text) if name.endswith("_text")]
    assert [name for name in words if f"{name}(" not in source] == []
    assert all(messages().values())


def test_the_page_needs_nothing_from_anywhere() -> None:
    """No script, no picture, no font, only links; no sign is left as a word."""
    page = as_page(messages())
    assert not re.search(r"<script|<img|<link|@import|url\(", page)
    assert not re.search(r":[a-z]+(_[a-z]+)*: ", re.sub(r"<style>.*</style>", "", page, flags=re.DOTALL))
    assert "«…»" in page


def test_text_stays_text() -> None:
    """What Slack would show as characters is no mark-up here."""
    page = as_page({"<b>": alert_text.by_hand_text("toy", "<script>alert(1)</script> <http://evil.example|x>")})
    assert "<script" not in page
    assert 'href="http://evil.example"' not in page


def test_the_command_shows_all_and_writes_the_page(tmp_path: Path) -> None:
    """In the terminal, and where it was asked to."""
    page = tmp_path / "here" / "page.html"
    answer = CliRunner().invoke(cli, ["slack-preview", str(page)])
    assert answer.exit_code == 0
    assert page.read_text().startswith("<!doctype html>")
    assert "is champion, instead of 7" in answer.stdout
