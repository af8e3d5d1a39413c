"""The steps of an experiment: each takes references and returns references."""
