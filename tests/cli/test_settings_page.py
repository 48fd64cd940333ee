"""docs/settings.md is what the code says."""

import re
import shutil
from pathlib import Path

from include.cli.settings_page import PAGE, explained, page, readers
from include.settings import Settings

ROOT = Path(__file__).parent.parent.parent


def test_the_page_is_what_is_written_now() -> None:
    """A changed setting needs `make settings-page`."""
    assert PAGE.read_text() == page()


def test_every_variable_that_can_be_set_is_on_it() -> None:
    """Each once, as the first cell of a row."""
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(explained((ROOT / ".env.example").read_text()))
    assert set(Settings.variables()) <= set(rows)


def test_the_example_says_the_same_words() -> None:
    """One sentence about each setting, in the class and above its line in `.env.example`."""
    example = explained((ROOT / ".env.example").read_text())
    for field in Settings.model_fields.values():
        assert example[str(field.alias)][1] == field.description, field.alias


def test_every_setting_is_read_somewhere() -> None:
    """A setting that no module asks for does nothing, and would still be promised."""
    assert [name for name in Settings.model_fields if not readers(ROOT, name)] == []


def test_every_row_says_what_for_and_where() -> None:
    """No cell is empty."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert len(rows) > 25
    assert [row for row in rows if any(not cell.strip() for cell in row.strip("|").split("|"))] == []


def test_a_changed_example_changes_the_page(tmp_path: Path) -> None:
    """What is beside the pipeline comes from `.env.example` and docker-compose.yaml, not from a list."""
    for name in (".env.example", "docker-compose.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    with (tmp_path / ".env.example").open("a") as file:
        file.write("\n# What is new, by docs/new.md.\nNEW_PORT=1\n")
    assert "| `NEW_PORT` | `1` | What is new, by [new.md](new.md). | `make demo` |" in page(tmp_path)
