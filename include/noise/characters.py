"""Characters gone wrong: case, white space, accents, emoji, a wrong encoding, a field that is too short."""

import re
import unicodedata

import numpy as np
import pandas as pd

from include.noise.rewriting import Rewriting, rewritten, split

_EMOJI = ("🙂", "😂", "👍", "🔥", "❤️", "🎁")
_ACCENTED = {"a": "á", "c": "ç", "e": "é", "i": "í", "n": "ñ", "o": "ö", "u": "ü"}
_ACCENTS = re.compile("[" + "".join(_ACCENTED) + "]", re.IGNORECASE | re.ASCII)
# What an editor's typographic signs become when UTF-8 is read as Windows-1252.
_MISREAD = {" ": "Â\u00a0", "'": "â€™", '"': "â€œ", "-": "â€“"}
_MISREADABLE = re.compile("[" + re.escape("".join(_MISREAD)) + "]")
_REPLACEMENT = "\ufffd"
_KEPT = (0.3, 0.9)


def case(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Texts come all in capitals, all in small letters, or with one capital; what looks the same in all three cannot.

    >>> case(pd.Series(["Newark", "JFK", "7"]), 1.0, np.random.default_rng(1)).tolist()
    ['newark', 'jfk', '7']
    """

    def write(text: str, draw: float) -> str:
        others = _other_cases(text)
        return others[int(draw * len(others))]

    return rewritten(values, rate, rng, Rewriting("case", lambda text: text.lower() != text.upper(), write))


def white_space(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Texts get one blank too many: before, behind, or beside one that is there.

    >>> white_space(pd.Series(["red bag", "JFK"]), 1.0, np.random.default_rng(1)).tolist()
    ['red  bag', ' JFK']
    """

    def write(text: str, draw: float) -> str:
        places = [0, len(text), *(at for at, letter in enumerate(text) if letter == " ")]
        at = places[int(draw * len(places))]
        return text[:at] + " " + text[at:]

    return rewritten(values, rate, rng, Rewriting("white_space", bool, write))


def missing_space(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Texts have two words run together; one word has no other.

    >>> missing_space(pd.Series(["red bag", "JFK"]), 1.0, np.random.default_rng(1)).tolist()
    ['redbag', 'JFK']
    """

    def write(text: str, draw: float) -> str:
        places = [at for at, letter in enumerate(text) if letter == " "]
        at = places[int(draw * len(places))]
        return text[:at] + text[at + 1 :]

    return rewritten(values, rate, rng, Rewriting("missing_space", lambda text: " " in text.strip(), write))


def accents(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Texts lose all their accents, or get one where they have none.

    >>> accents(pd.Series(["café au lait", "hat", "xyz"]), 1.0, np.random.default_rng(1)).tolist()
    ['cafe au lait', 'hát', 'xyz']
    """

    def write(text: str, draw: float) -> str:
        bare = _without_accents(text)
        if bare != text:
            return bare
        places = [match.start() for match in _ACCENTS.finditer(text)]
        at = places[int(draw * len(places))]
        accented = _ACCENTED[text[at].lower()]
        return text[:at] + (accented.upper() if text[at].isupper() else accented) + text[at + 1 :]

    return rewritten(
        values, rate, rng, Rewriting("accents", lambda text: _ACCENTS.search(text) or _without_accents(text) != text, write)
    )


def emoji(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Texts get an emoji at their end, or in place of a blank.

    >>> emoji(pd.Series(["red bag", "JFK"]), 1.0, np.random.default_rng(1)).tolist()
    ['red bag 🎁', 'JFK 🙂']
    """

    def write(text: str, draw: float) -> str:
        places = [at for at, letter in enumerate(text) if letter == " "]
        sign, draw = split(draw, len(_EMOJI))
        at = [*places, None][int(draw * (len(places) + 1))]
        return f"{text} {_EMOJI[sign]}" if at is None else text[:at] + _EMOJI[sign] + text[at + 1 :]

    return rewritten(values, rate, rng, Rewriting("emoji", bool, write))


def mojibake(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Texts were written in one encoding and read in another: é as Ã©, a typographic apostrophe as â€™.

    Text of ASCII letters alone has one sign damaged as if an editor had made it typographic, or one letter lost to U+FFFD.

    >>> mojibake(pd.Series(["café", "T-shirt"]), 1.0, np.random.default_rng(1)).tolist()
    ['cafÃ©', 'Tâ€“shirt']
    """
    return rewritten(values, rate, rng, Rewriting("mojibake", bool, _misread))


def truncated(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Texts end too soon: between three and nine tenths of their letters are left, and at least one.

    >>> truncated(pd.Series(["Saint Paul, Minnesota"]), 1.0, np.random.default_rng(1)).tolist()
    ['Saint Paul, ']
    """

    def write(text: str, draw: float) -> str:
        low, high = _KEPT
        return text[: max(1, int(len(text) * (low + (high - low) * draw)))]

    return rewritten(values, rate, rng, Rewriting("truncated", lambda text: len(text) > 1, write))


def looks_misread(text: str) -> bool:
    """Whether a text shows damage by a wrong encoding.

    An HTML entity is none: who writes `H&amp;M` has escaped it, and read it as it was written.

    >>> [looks_misread(text) for text in ("cafÃ©", "Tâ€“shirt", "caf\ufffd", "café", "São Paulo", "H&amp;M")]
    [True, True, True, False, False, False]
    """
    return _DAMAGE.search(text) is not None


# A UTF-8 sequence read byte by byte: its first byte, then one that only ever continues a sequence.
_DAMAGE = re.compile("\ufffd|[ÂÃ][\u0080-\u00bf]|â€")


def _other_cases(text: str) -> list[str]:
    return [other for other in (text.upper(), text.lower(), text.capitalize()) if other != text]


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(sign for sign in decomposed if not unicodedata.combining(sign)))


def _misread(text: str, draw: float) -> str:
    if not text.isascii():
        return text.encode(errors="surrogatepass").decode("latin-1")
    places = [match.start() for match in _MISREADABLE.finditer(text)]
    at = places[int(draw * len(places))] if places else int(draw * len(text))
    return text[:at] + _MISREAD.get(text[at], _REPLACEMENT) + text[at + 1 :]
