"""The classifier service: `python -m saggar_classifier`; `--help` lists its settings."""

from __future__ import annotations

import sys

from saggar.errors import SaggarError, exit_code
from saggar.rpc.serving.server import leave, serve
from saggar.settings import read_settings

from saggar_classifier.operations.memory import give_back_large_buffers
from saggar_classifier.settings import ClassifierSettings


def main() -> int:
    give_back_large_buffers()
    try:
        settings = read_settings(ClassifierSettings, __doc__)
        store = settings.open_store()
    except SaggarError as error:
        print(error, file=sys.stderr)
        return exit_code(error)
    from saggar_classifier.access.gate import Gate, is_loopback
    from saggar_classifier.access.keyring import Keyring
    from saggar_classifier.servicer import ClassifierServicer

    try:
        servicer = ClassifierServicer(store, settings)
        gates = [Gate(Keyring(settings.api_keys))] if settings.api_keys else []
    except SaggarError as error:
        print(error, file=sys.stderr)
        return exit_code(error)
    if not is_loopback(settings.listen):
        there = {"TLS (SAGGAR_TLS_CERT)": settings.tls_cert, "API keys (SAGGAR_API_KEYS)": gates}
        for missing in (name for name, found in there.items() if not found):
            print(f"warning: {settings.listen} is within reach of other machines, without {missing}", file=sys.stderr)
    return serve(
        servicer.register,
        settings,
        warm_up=servicer.restore,
        on_stop=servicer.stop,
        readiness=servicer.readiness,
        descriptors=servicer.descriptors,
        interceptors=[*servicer.interceptors, *gates],
    )


if __name__ == "__main__":
    leave(main())
