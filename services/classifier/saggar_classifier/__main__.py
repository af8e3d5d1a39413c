"""The classifier service: `python -m saggar_classifier`; `--help` lists its settings."""

from __future__ import annotations

import sys

from saggar.errors import SaggarError
from saggar.rpc.server import serve
from saggar.settings import read_settings

from saggar_classifier.settings import ClassifierSettings


def main() -> int:
    try:
        settings = read_settings(ClassifierSettings, __doc__)
        store = settings.open_store()
    except SaggarError as error:
        print(error, file=sys.stderr)
        return 2
    from saggar_classifier.servicer import ClassifierServicer

    servicer = ClassifierServicer(store, settings)
    return serve(
        servicer.register,
        settings,
        warm_up=servicer.restore,
        on_stop=servicer.stop,
        readiness=servicer.readiness,
        descriptors=servicer.descriptors,
    )


if __name__ == "__main__":
    sys.exit(main())
