"""The generator service: LoRA adapters on Stable Diffusion, and images made with them."""
