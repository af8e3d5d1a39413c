"""Data sets: manifests, import, split, balance, augmentation, selection, plans, mixes, leakage."""
