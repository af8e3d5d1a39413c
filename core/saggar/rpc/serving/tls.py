"""A server's certificate and key, and whose clients it lets in."""

from __future__ import annotations

from pathlib import Path

import grpc

from saggar.errors import NotFoundError
from saggar.rpc.encryption.certificates import need_authorities, need_pair
from saggar.settings import ServiceSettings


def server_credentials(settings: ServiceSettings) -> grpc.ServerCredentials:
    """By the files that the settings name. Raises NotFoundError for those that cannot be read, and InvalidInputError
    for those that are no certificates or keys, or have run out: gRPC would say that the port is taken.
    """

    def content(path: Path | None, variable: str) -> bytes:
        try:
            return path.read_bytes() if path is not None else b""
        except OSError as error:
            raise NotFoundError(f"{variable}: cannot read {path}: {error.strerror}", str(path)) from None

    key = content(settings.tls_key, "SAGGAR_TLS_KEY")
    certificate = content(settings.tls_cert, "SAGGAR_TLS_CERT")
    authorities = content(settings.tls_client_ca, "SAGGAR_TLS_CLIENT_CA")
    if settings.tls_cert and settings.tls_key:
        need_pair(settings.tls_cert, settings.tls_key, ("SAGGAR_TLS_CERT", "SAGGAR_TLS_KEY"))
    if settings.tls_client_ca:
        need_authorities(settings.tls_client_ca, "SAGGAR_TLS_CLIENT_CA")
    return grpc.ssl_server_credentials(
        [(key, certificate)],
        root_certificates=authorities or None,
        require_client_auth=bool(authorities),
    )
