"""`saggar experiment` and `saggar report`: run experiments, follow them, read what they found."""
