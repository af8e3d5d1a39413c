"""Pages to see, start and stop experiments, choose models and try photographs; `server` serves them."""
