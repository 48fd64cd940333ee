"""What people are told, and how often. Pure; delivery is in `plugins/`."""
