"""Other divisions than the one split: folds over objects and sources, and training photographs that are withheld."""
