"""Aspect-ratio buckets: the sizes that training images may have, and batches that hold one size only."""
