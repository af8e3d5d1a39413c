"""The trainer service: `python -m saggar_trainer`; `--help` lists its settings."""

from __future__ import annotations

import os
import sys
from functools import partial

from saggar.errors import SaggarError, exit_code
from saggar.rpc.serving.server import leave, serve
from saggar.settings import read_settings

from saggar_trainer.settings import TrainerSettings


def main() -> int:
    try:
        settings = read_settings(TrainerSettings, __doc__)
        store = settings.open_store()
    except SaggarError as error:
        print(error, file=sys.stderr)
        return exit_code(error)
    # Before torch is loaded: OpenMP's spinning threads make a step ten times slower when another process has
    # a core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from saggar_trainer.servicer import register

    return serve(partial(register, store=store, settings=settings), settings, store=store)


if __name__ == "__main__":
    leave(main())
