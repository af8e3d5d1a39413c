"""The experiment file: its schema, its checks, and where its photographs come from."""
