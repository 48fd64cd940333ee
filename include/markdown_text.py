"""Text from outside inside markdown: on cards in MLflow and in Airflow. Light, because the api-server loads it."""

import html
import unicodedata

_LONGEST = 500


def one_line(text: str, longest: int) -> str:
    r"""Text from outside on one line of at most so many characters, without what turns or hides other text.

    That is control characters, and format characters such as right-to-left marks: an attacker's favourites.

    >>> one_line("pay\n\u202eme\x1b[31m", 20)
    'pay me[31m'
    """
    # Cut first: somebody may have pasted ten megabytes.
    line = " ".join(text[: 4 * longest].split())
    return "".join(sign for sign in line if unicodedata.category(sign)[0] != "C")[:longest]


def plain(text: str) -> str:
    r"""Text that a person or a delivery wrote, on one line, with nothing that markdown or a browser would act on.

    >>> plain("<b>see</b> [this](http://x)\nand that")
    '&lt;b&gt;see&lt;/b&gt; \\[this\\](http://x) and that'
    """
    escaped = html.escape(one_line(text, _LONGEST), quote=False)
    return "".join(f"\\{character}" if character in "\\`*_[]|#" else character for character in escaped)
