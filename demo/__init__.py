"""The demo: the whole stack on this machine, and an upstream that plays real history into it."""
