"""Beside the experiments: signs of life, takeovers, reviews closed, the store looked at and cleaned."""
