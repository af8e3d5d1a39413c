"""Saggar's shared core: data, prompts, store, contract. No torch; domain modules import no grpc."""

__version__ = "0.1.0"
