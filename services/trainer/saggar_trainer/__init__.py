"""Trains and evaluates the multi-task porcelain classifier."""
