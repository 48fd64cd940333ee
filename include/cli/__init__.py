"""The tools of an engineer: `python -m include.cli --help`."""
