"""Predictions in, findings out: scores, differences and verdicts. Nobody else computes a score.

Doors: `predictions.read_predictions`, `answers.Trained` (what one training says), `results.find` (all of it for
results.json), `wording` (findings in sentences). `docs/evidence.md` explains the method and how it was tried.
"""
