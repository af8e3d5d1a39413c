"""Predictions in, findings out: scores, intervals and comparisons. Nobody else computes a score."""
