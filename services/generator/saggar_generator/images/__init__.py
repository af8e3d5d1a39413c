"""Prompts to pictures in the store, each exactly once, and what each says about its making."""
