"""Quality over time, triage and probation."""
