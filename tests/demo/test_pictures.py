"""The pictures of the documents are no older than the pages that they show."""

import json
import re
from pathlib import Path

import pytest

from demo.pictures import ALL, IMAGES, ROOT, TAKEN, Picture, digest

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TAKEN_OF = json.loads(TAKEN.read_text())


@pytest.mark.parametrize("picture", ALL, ids=lambda picture: picture.name)
def test_no_page_has_changed_since_its_picture_was_taken(picture: Picture) -> None:
    """Where this fails: look at the page, and take the pictures again, `make demo DETACH=1 && make pictures`."""
    assert TAKEN_OF[picture.name] == digest(picture.sources), f"{picture.name} is older than what it shows"
    for scheme in picture.schemes:
        assert picture.file(scheme).is_file()


def test_every_picture_is_shown_somewhere() -> None:
    """What no document shows is not kept."""
    shown = {Path(name).name for page in PAGES for name in re.findall(r"images/([\w.-]+\.png)", page.read_text())}
    assert {file.name for file in IMAGES.glob("*.png")} - shown <= {"models-dark.png", "model-dark.png"}
