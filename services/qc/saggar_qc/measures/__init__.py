"""Distances between sets of images: features to statistics, statistics to metric. No network, no store."""
