"""What runs the network: processors and GPUs, at full or reduced precision, each only where its answers are right.

Doors: `choosing.open_network`, with its `Wish`.
"""
