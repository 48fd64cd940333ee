"""Digests that tell rows apart, or their keys."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

_SEEDS = ("0123456789abcdef", "fedcba9876543210")


def digests(rows: "pd.DataFrame", names: "Sequence[str]") -> "NDArray[np.uint64]":
    """For n rows what these columns hold, as 128 bits, shape (n, 2).

    That two of a thousand million are alike by chance is 1 in 10^20.
    """
    import numpy as np
    import pandas as pd

    parts = rows[list(names)]
    return np.column_stack([pd.util.hash_pandas_object(parts, index=False, hash_key=seed).to_numpy() for seed in _SEEDS])


def contents(rows: "pd.DataFrame", names: "Sequence[str]") -> str:
    """What these columns of some rows hold, in their order, as 64 hex digits; the index does not count."""
    return hashlib.sha256(digests(rows, names).tobytes()).hexdigest()


def among(these: "NDArray[np.uint64]", those: "NDArray[np.uint64]") -> "NDArray[np.bool_]":
    """For each of these digests, shape (n, 2), whether it is among those; shape (n,)."""
    import numpy as np
    import pandas as pd

    if not len(these) or not len(those):
        return np.zeros(len(these), dtype=bool)
    left, right = (pd.DataFrame(values, columns=["a", "b"]) for values in (these, those))
    found: Any = left.merge(right.drop_duplicates(), how="left", on=["a", "b"], indicator=True)["_merge"]
    return np.asarray(found.eq("both"), dtype=bool)
