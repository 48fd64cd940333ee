"""Numbers as people write them: so many digits that count, and never a power of ten."""

from decimal import Decimal


def figure(value: float | None, digits: int = 3) -> str:
    """A number with so many digits that count, written out; a dash where there is none.

    >>> figure(100, 2), figure(1234.5), figure(0.0000285), figure(0.25), figure(None)
    ('100', '1230', '0.0000285', '0.25', '–')
    """
    if value is None:
        return "–"
    text = format(value, f".{digits}g")
    return format(Decimal(text), "f") if "e" in text else text


def signed(value: float | None, digits: int = 3) -> str:
    """The same with its sign, for a gain or a loss.

    >>> signed(1234.5), signed(-0.0000285), signed(0)
    ('+1230', '-0.0000285', '+0')
    """
    text = figure(value, digits)
    return text if value is None or text.startswith("-") else f"+{text}"
