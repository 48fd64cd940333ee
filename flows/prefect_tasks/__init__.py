"""How Prefect performs the steps: forms, requests, retries, approvals, artifacts, messages, and what looks after the runs."""
