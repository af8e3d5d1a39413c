"""The training job: what a row teaches, which rows are drawn, the loop, and what follows the last epoch."""
