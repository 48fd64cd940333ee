"""Which messages people get, and how often. Pure; delivery is in `plugins/`."""
