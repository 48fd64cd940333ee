"""skops: parts of scikit-learn, and of other packages by name. A zip archive of JSON and arrays; nothing is unpickled."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.formats.port import Untrusted

if TYPE_CHECKING:
    import pandas as pd


class SkopsFile:
    """See Format."""

    name, tolerance, apart, libraries = "skops", 0.0, False, ()

    def save(self, pipeline: Any, example: "pd.DataFrame", path: Path, trusted: Collection[str]) -> None:
        """Write it, if loading creates no types but those that are trusted."""
        import skops.io

        data = skops.io.dumps(pipeline)
        _refuse_unknown(data, trusted)
        path.write_bytes(data)

    def load(self, data: bytes, trusted: Collection[str]) -> Any:
        """The pipeline."""
        import skops.io

        try:
            _refuse_unknown(data, trusted)
            return skops.io.loads(data, trusted=sorted(trusted))
        except (Untrusted, ImportError):
            raise
        except Exception as error:
            raise Untrusted(f"is no skops file ({type(error).__name__}: {error})") from error


def unknown_types(data: bytes, trusted: Collection[str]) -> list[str]:
    """The types that loading such a file would create, beyond skops' own and those that are trusted."""
    import skops.io

    return sorted(set(skops.io.get_untrusted_types(data=data)) - set(trusted))


def _refuse_unknown(data: bytes, trusted: Collection[str]) -> None:
    if unknown := unknown_types(data, trusted):
        raise Untrusted(f"would create {', '.join(unknown)}", unknown)


FORMAT = SkopsFile()
