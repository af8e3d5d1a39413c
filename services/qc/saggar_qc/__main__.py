"""The qc service: `python -m saggar_qc`."""

from __future__ import annotations

import sys

import grpc
from saggar.errors import SaggarError, exit_code
from saggar.rpc.serving.server import leave, serve
from saggar.settings import read_settings
from saggar.v1 import qc_pb2, qc_pb2_grpc

from saggar_qc.settings import QcSettings


def main() -> int:
    """Serves until SIGTERM."""
    settings = read_settings(QcSettings, "Screens generated images and measures sets of images.")
    from saggar_qc.pages.server import review_pages
    from saggar_qc.servicer import QcServicer  # after --help, for it takes pandas along

    store = settings.open_store()
    servicer = QcServicer(store, settings.threads, settings.batch_size, settings.queue_limit)

    def register(server: grpc.Server) -> tuple[str]:
        qc_pb2_grpc.add_QcServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
        return (qc_pb2.DESCRIPTOR.services_by_name["QcService"].full_name,)

    with review_pages(settings, servicer.desks) as servicer.pages_address:
        return serve(register, settings, store=store)


if __name__ == "__main__":
    try:
        leave(main())
    except SaggarError as error:
        print(f"error: {error}", file=sys.stderr)
        leave(exit_code(error))
