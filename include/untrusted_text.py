"""Text from outside inside markdown: on cards in MLflow and in Airflow. Light, because the api-server loads it."""

import html
import re
import unicodedata
from urllib.parse import urlsplit

from include.errors import ProvingGroundError

_LONGEST = 500
_OF_DATA = re.compile("«[^»]*(?:»|$)")


def one_line(text: object, longest: int) -> str:
    r"""Text from outside, cut, on one line, without characters that are not seen or that turn the text around.

    >>> one_line("a\n<b>\u202e c\x00", 20)
    'a <b> c'
    """
    # Cut first: the text may be ten megabytes long.
    beginning = str(text)[: 4 * longest]
    seen = "".join(c if c.isprintable() else " " for c in beginning if unicodedata.category(c) not in ("Cf", "Cs"))
    return " ".join(seen.split())[:longest].strip()


def plain(text: str) -> str:
    r"""Text that a person or a delivery wrote, on one line, with nothing that markdown or a browser would act on.

    >>> plain("<b>see</b> [this](http://x)\nand that")
    '&lt;b&gt;see&lt;/b&gt; \\[this\\](http://x) and that'
    """
    escaped = html.escape(one_line(text, _LONGEST), quote=False)
    return "".join(f"\\{character}" if character in "\\`*_[]|#" else character for character in escaped)


def of_data(words: object, longest: int = 300) -> str:
    """Words that may hold values of rows, in «», so that a message to people can leave them out.

    >>> of_data("could not convert string to float: '1O»'")
    "«could not convert string to float: '1O'»"
    """
    return f"«{one_line(str(words).replace('«', '').replace('»', ''), longest)}»"


def words_of(error: BaseException) -> str:
    """What an error says. Of one that is not ours it is marked: libraries quote the value that they choke on."""
    return one_line(error, _LONGEST) if isinstance(error, ProvingGroundError) else of_data(error)


def without_data(line: str) -> str:
    """A line without what `of_data` has marked, also where the line was cut in the middle of it.

    >>> without_data("x: frozen at «4711»; y: «cut he")
    'x: frozen at «…»; y: «…»'
    """
    return _OF_DATA.sub("«…»", line)


def web(address: object) -> str:
    """The address if it is one of the web; empty for everything else, so that no other kind becomes a link."""
    try:
        parts = urlsplit(str(address or ""))
    except ValueError:
        return ""
    return str(address) if parts.scheme in ("http", "https") and parts.netloc else ""
