"""Mess on purpose: corruptions of one column, and the suite that a challenger and its champion both have to stand."""
