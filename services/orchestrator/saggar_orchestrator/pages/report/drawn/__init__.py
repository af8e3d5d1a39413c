"""The report's figures, and what they are drawn from."""
