"""What a format of artifacts does, and what it raises."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd


class Untrusted(Exception):
    """A file is not loaded, or a pipeline not saved; the text says why. `types` are those that would have to be trusted."""

    def __init__(self, why: str, types: Sequence[str] = ()) -> None:
        super().__init__(why)
        self.types = tuple(types)


PREFIX = "model."


def file_of(format_name: str) -> str:
    """What a file of a format is called, wherever it is kept."""
    return f"{PREFIX}{format_name}"


class Format(Protocol):
    """One format. `name` is what a candidate declares.

    What `load` gives answers like a fitted scikit-learn pipeline: `feature_names_in_`, `predict` for a DataFrame, and for
    classes `predict_proba` and `classes_`. `tolerance` is how far these answers may lie from those of the pipeline that was
    saved: of probabilities, and of values as a share of the largest, where that is above 1. `apart` says that only processes
    without the pipeline's credentials may load it. `libraries` are the distributions that reading takes beside scikit-learn,
    skops, and what carries arrays and frames.
    """

    name: str
    tolerance: float
    apart: bool
    libraries: tuple[str, ...]

    def save(self, pipeline: Any, example: "pd.DataFrame", path: Path, trusted: Collection[str]) -> None:
        """Write a fitted pipeline to `path`; `example` has rows of its features, `trusted` the types that may be in it.

        Raises:
            Untrusted: it has parts that the format cannot hold, or types that are not trusted.
        """
        ...

    def load(self, data: bytes, trusted: Collection[str]) -> Any:
        """What answers, from the bytes of a file; nothing of it is run before it is known to be what it should be.

        Raises:
            Untrusted: it is no such file, or would create types that are not trusted.
        """
        ...
