"""Serves one trained bundle to catalogue systems."""

import saggar  # noqa: F401 turns the reporting of libraries off before any is imported
