"""Text from outside inside markdown: on cards in MLflow and in Airflow. Light, because the api-server loads it."""

import html

_LONGEST = 500


def plain(text: str) -> str:
    r"""Text that a person or a delivery wrote, on one line, with nothing that markdown or a browser would act on.

    >>> plain("<b>see</b> [this](http://x)\nand that")
    '&lt;b&gt;see&lt;/b&gt; \\[this\\](http://x) and that'
    """
    escaped = html.escape(" ".join(text.split())[:_LONGEST], quote=False)
    return "".join(f"\\{character}" if character in "\\`*_[]|#" else character for character in escaped)
