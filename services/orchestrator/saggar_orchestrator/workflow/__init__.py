"""An experiment as a durable workflow: the order of its steps, and the engine that runs them."""
