"""Health check of a container: `healthy.py ADDRESS [PART]` ends with 0 if the address answers and the part says it is healthy.

With nothing but the standard library: it runs every few seconds, and importing Airflow costs five CPU seconds.
"""

import json
import sys
import urllib.request


def is_healthy(address: str, part: str = "") -> bool:
    """Whether the address answers with 200 and, if a part is named, whether that part's status is `healthy`."""
    # Straight there, whatever proxy the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=20) as answer:
        return not part or json.load(answer)[part]["status"] == "healthy"


if __name__ == "__main__":
    try:
        sys.exit(not is_healthy(*sys.argv[1:3]))
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"{sys.argv[1]}: {error!r}")
