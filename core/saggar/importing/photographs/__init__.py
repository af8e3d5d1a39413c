"""Photographs in a folder: listed, found by name, and checked."""
