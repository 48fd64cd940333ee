"""What the site takes from outside of docs/: the pages of the top folder, and files of the project that a page links.

The documents are written to be read on GitHub, where a link may lead to any file of the project. Here such a file is shown as
a page of its own, so that every link leads somewhere without another machine.
"""

import re
from pathlib import Path
from posixpath import normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent.parent
TOP = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
_LINK = re.compile(r"(?<=\]\()(?!https?://|#|mailto:)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the top folder, and every file of the project that a page links."""
    texts = {f"docs/{each.src_uri}": each.content_string for each in files.documentation_pages()}
    texts |= {name: (ROOT / name).read_text(encoding="utf-8") for name in TOP}
    for path in dict.fromkeys(path for place, text in texts.items() for path in _linked(place, text)):
        if path not in texts and not path.startswith("docs/"):
            texts[path] = _shown(ROOT / path)
    for path, text in texts.items():
        if not path.startswith("docs/"):
            files.append(File.generated(config, _address(path), content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links lead to where the linked file stands on the site."""
    place = _place(page.file.src_uri)
    here = Path(page.file.src_uri).parent.as_posix()

    def moved(link: re.Match[str]) -> str:
        return relpath(_address(_path(place, link[0])), here)

    return _LINK.sub(moved, markdown)


def _linked(place: str, text: str) -> list[str]:
    return [_path(place, link) for link in _LINK.findall(text)]


def _path(place: str, link: str) -> str:
    """The path in the project of what a page links."""
    return normpath(f"{Path(place).parent.as_posix()}/{link}")


def _place(uri: str) -> str:
    """Where a page of the site stands in the project."""
    if uri in TOP:
        return uri
    return uri.removeprefix("files/").removesuffix(".md") if uri.startswith("files/") else f"docs/{uri}"


def _address(path: str) -> str:
    """Where a file of the project stands on the site."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return path if path in TOP else f"files/{path.removesuffix('.md')}.md"


def _shown(path: Path) -> str:
    """A file, or the names in a folder, as a page."""
    name = path.relative_to(ROOT).as_posix()
    if path.is_dir():
        return "\n".join([f"# {name}", "", *(f"* `{each.name}`" for each in sorted(path.iterdir()))])
    text = path.read_text(encoding="utf-8")
    return text if path.suffix == ".md" else f"# {name}\n\n````{path.suffix.removeprefix('.')}\n{text}\n````\n"
