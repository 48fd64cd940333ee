"""Pages and cards from Jinja templates; HTML templates escape every value. Light: the api-server loads it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from include.figures import figure, signed
from include.untrusted_text import one_line, plain, web

if TYPE_CHECKING:
    from markdown_it.token import Token

PICTURE = "decision.png"
_LONGEST = 300


def render(template: str, **values: Any) -> str:
    """The page that a template of this folder makes of these values; a card in markdown has no newline at its end."""
    page = _environment().get_template(template).render(values)
    return page.rstrip("\n") if template.endswith(".md") else page


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        # In markdown the filter `plain` escapes: HTML entities alone would leave its own marks active.
        autoescape=select_autoescape(disabled_extensions=("md",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "age": age,
        "time": time,
        "web": web,
        "words": words,
        "path": path,
        "plain": plain,
        "sentence": sentence,
        "whole": whole,
        "figure": figure,
        "signed": signed,
    }
    return environment


def age(length: timedelta | None) -> str:
    """How long, in the largest unit that says enough.

    >>> age(timedelta(hours=50)), age(timedelta(minutes=90)), age(timedelta(seconds=5)), age(None)
    ('2 d', '90 min', '0 min', '–')
    """
    if length is None:
        return "–"
    minutes = int(length.total_seconds() // 60)
    if minutes >= 48 * 60:
        return f"{minutes // (24 * 60)} d"
    return f"{minutes // 60} h" if minutes >= 120 else f"{minutes} min"


def time(moment: datetime | None) -> str:
    """To the minute, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "–"


def words(text: object) -> str:
    """Text from outside, cut, on one line, without invisible characters."""
    return one_line(text, _LONGEST)


def whole(text: object) -> str:
    """As `words`, and nothing is cut: what a reviewer prints ends where it was written to end."""
    return one_line(text, max(1, len(str(text))))


def sentence(text: str) -> str:
    """Text from outside as a sentence of markdown.

    >>> sentence("the feed is broken")
    'The feed is broken.'
    """
    escaped = plain(text)
    return escaped[:1].upper() + escaped[1:] + ("" if escaped.endswith((".", "?", "!")) else ".")


def path(text: object) -> str:
    """One part of an address."""
    return quote(str(text), safe="")


def from_markdown(card: str, picture: Callable[[], str] = str) -> Markup:
    """Markdown as HTML; HTML in the card is shown as text. `picture` is called only if the card has the decision's picture."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("table_open", lambda *_: '<div class="wide"><table>')
    markdown.add_render_rule("table_close", lambda *_: "</table></div>")
    tokens = markdown.parse(card)
    for token in (child for block in tokens for child in block.children or []):
        if token.type == "link_open":
            token.attrSet("target", "_blank")
            token.attrSet("rel", "noopener noreferrer")
        if token.type == "image":
            _embed(token, picture)
    # The renderer escapes what HTML there is in a card.
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704  # nosec B704


def _embed(image: "Token", picture: Callable[[], str]) -> None:
    """Put the decision's picture itself in place of its address; any other becomes its description."""
    if data := picture() if _is_ours(str(image.attrs["src"])) else "":
        image.attrs["src"] = data
        return
    image.type, image.content = "text", f"[Picture, not shown here: {image.content}]"


def _is_ours(address: str) -> bool:
    try:
        return parse_qs(urlsplit(address).query).get("path") == [PICTURE]
    except ValueError:
        return False
