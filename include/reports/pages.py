"""Pages of HTML for Airflow: Jinja templates that escape whatever is put into them. Light: the api-server loads it."""

from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.untrusted_text import one_line, web

_LONGEST = 300


def render(template: str, **values: Any) -> str:
    """The page that a template of this folder makes of these values."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"age": age, "time": time, "web": web, "words": words, "path": path}
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
    """What somebody wrote, on one line, without characters that are not seen."""
    return one_line(text, _LONGEST)


def path(text: object) -> str:
    """One part of an address."""
    return quote(str(text), safe="")
