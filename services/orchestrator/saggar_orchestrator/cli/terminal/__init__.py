"""How commands talk: results, progress and errors on a terminal or in a pipe."""
