"""Synthetic images as parts of a data set: planned, begun from photographs, topped up, mixed in, and controlled for."""
