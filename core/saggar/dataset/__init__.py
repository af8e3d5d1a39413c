"""Data sets as values: records, manifests, splits, balance, augmentation, selection, plans, mixes."""
