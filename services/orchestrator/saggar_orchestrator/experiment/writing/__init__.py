"""Experiment files that are written for people: a first one for a data set, and one that judges every photograph."""
