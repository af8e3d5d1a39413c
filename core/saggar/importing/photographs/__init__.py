"""Photographs in a folder: found by name, checked, and grouped into objects."""
