"""The generator service: LoRA adapters on Stable Diffusion, and images made with them."""

import saggar  # noqa: F401 turns the reporting of libraries off before any is imported
