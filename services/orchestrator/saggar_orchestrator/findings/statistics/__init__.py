"""The arithmetic under the findings: counts of classes, tests over seeds, the variance of a difference,
worth in photographs.
"""
