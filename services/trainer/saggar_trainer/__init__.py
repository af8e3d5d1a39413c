"""Trains and evaluates the multi-task porcelain classifier."""

import saggar  # noqa: F401 turns the reporting of libraries off before any is imported
