"""Serves one trained bundle to catalogue systems."""
