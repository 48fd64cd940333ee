"""Corruption on purpose: what goes wrong with values and rows, the suite made of it, its measure, training on it."""
