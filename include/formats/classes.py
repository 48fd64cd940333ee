"""The classes of a classifier, beside a file that cannot hold them: as JSON keeps them, and back."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

Classes = list[bool | int | float | str]


def classes_of(pipeline: Any) -> Classes:
    """In their order; none for what gives values."""
    return list(pipeline.classes_.tolist()) if hasattr(pipeline, "predict_proba") else []


def as_array(classes: Classes) -> "np.ndarray[Any, Any]":
    """What `classes_` is: numbers, or objects where there are texts."""
    import numpy as np

    return np.array(classes, dtype=object if any(isinstance(one, str) for one in classes) else None)
