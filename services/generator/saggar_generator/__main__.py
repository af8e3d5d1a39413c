"""The generator service: `python -m saggar_generator`; `--help` lists its settings."""

from __future__ import annotations

import os
import sys

from saggar.errors import SaggarError, exit_code
from saggar.rpc.serving.server import leave, serve
from saggar.settings import read_settings

from saggar_generator.servicer import GeneratorServicer
from saggar_generator.settings import GeneratorSettings


def main() -> int:
    try:
        settings = read_settings(GeneratorSettings, __doc__ or "")
        store = settings.open_store()
    except SaggarError as error:
        print(error, file=sys.stderr)
        return exit_code(error)
    # Before torch is loaded: OpenMP's threads otherwise spin while they wait, and when another process wants
    # the same cores a step takes many times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    servicer = GeneratorServicer(store, settings)
    return serve(servicer.register, settings, warm_up=servicer.warm_up, store=store)


if __name__ == "__main__":
    leave(main())
