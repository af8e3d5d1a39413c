"""The training job: objective, loop, checkpoints."""
