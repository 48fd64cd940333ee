"""Whether two plays of the same history led to the same: `python -m demo.compare ONE.json OTHER.json`.

Names every field of two summaries that differs, and ends with 1 if any does. How long it took is no part of the history.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_OF_THIS_PLAY = "seconds"
_MISSING = "nothing"


def differences(one: Any, other: Any, where: str = "") -> Iterator[str]:
    """Each place where two summaries differ, with what both say.

    >>> list(differences({"weeks": [{"rows": 3}], "seconds": 1}, {"weeks": [{"rows": 4}], "seconds": 2}))
    ['weeks[0].rows: 3, and 4']
    """
    if isinstance(one, dict) and isinstance(other, dict):
        for name in [*one, *(name for name in other if name not in one)]:
            if where or name != _OF_THIS_PLAY:
                yield from differences(one.get(name, _MISSING), other.get(name, _MISSING), f"{where}.{name}".lstrip("."))
    elif isinstance(one, list) and isinstance(other, list):
        for number in range(max(len(one), len(other))):
            first, second = (rows[number] if number < len(rows) else _MISSING for rows in (one, other))
            yield from differences(first, second, f"{where}[{number}]")
    elif one != other:
        yield f"{where}: {one}, and {other}"


def fields(summary: Any) -> int:
    """How many values a summary holds, however deep they are."""
    if isinstance(summary, dict):
        return sum(map(fields, summary.values()))
    return sum(map(fields, summary)) if isinstance(summary, list) else 1


def main(one: str, other: str) -> int:
    """Print what differs; 1 if anything does."""
    first, second = (json.loads(Path(name).read_text()) for name in (one, other))
    found = list(differences(first, second))
    counted = fields({name: part for name, part in first.items() if name != _OF_THIS_PLAY})
    print("\n".join(found) if found else f"{counted} fields are equal")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
