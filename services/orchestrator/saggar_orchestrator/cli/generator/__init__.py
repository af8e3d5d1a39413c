"""`saggar generator`: adapters, images from prompts, and how much an adapter changes."""
