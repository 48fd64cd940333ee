"""The one place that moves the alias `champion`, and what follows from it."""
