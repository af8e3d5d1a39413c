"""Saggar's shared core: data, prompts, store, contract. No torch; domain modules import no grpc."""

import os

# Nobody who types `make quickstart` is asked, so nothing is reported: onnxruntime's wheels write a device id and an
# event database into the user's cache when they are imported, and name a collector on the web; the libraries of
# Hugging Face describe the machine to their hub. Every package of Saggar imports this one first.
for _variable in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ.setdefault(_variable, "1")

__version__ = "0.1.0"
