"""Adapter training: photographs and captions in, LoRA weights out."""
