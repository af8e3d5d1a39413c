"""What people write for web UIs of Stable Diffusion, read: prompt syntax and names of samplers."""
