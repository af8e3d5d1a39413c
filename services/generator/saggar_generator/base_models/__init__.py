"""Stable Diffusion pipelines: found, loaded, identified, placed on a device."""
