"""LoRA adapters as values and as files, ours and those of other programs."""
