"""Pages about a data set: what it holds, what to do about it, labels in doubt, and what to label next."""
