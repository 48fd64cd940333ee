"""Predictions, metrics and the evidence that compares two models."""
