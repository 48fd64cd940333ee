"""The entries of the ledger and what they add up to. Pure; kept by `adapters/ledger.py`."""
