"""A server's certificate and key, and whose clients it lets in."""

from __future__ import annotations

import ssl
from pathlib import Path

import grpc

from saggar.errors import InvalidInputError, NotFoundError
from saggar.settings import ServiceSettings


def server_credentials(settings: ServiceSettings) -> grpc.ServerCredentials:
    """By the files that the settings name. Raises NotFoundError for those that cannot be read, and InvalidInputError
    for those that are no certificates or keys: gRPC would say that the port is taken.
    """

    def content(path: Path | None, variable: str) -> bytes:
        try:
            return path.read_bytes() if path is not None else b""
        except OSError as error:
            raise NotFoundError(f"{variable}: cannot read {path}: {error.strerror}", str(path)) from None

    key = content(settings.tls_key, "SAGGAR_TLS_KEY")
    certificate = content(settings.tls_cert, "SAGGAR_TLS_CERT")
    authorities = content(settings.tls_client_ca, "SAGGAR_TLS_CLIENT_CA")
    _check_pem(settings)
    return grpc.ssl_server_credentials(
        [(key, certificate)],
        root_certificates=authorities or None,
        require_client_auth=bool(authorities),
    )


def _check_pem(settings: ServiceSettings) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        if settings.tls_cert:
            context.load_cert_chain(settings.tls_cert, settings.tls_key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        raise InvalidInputError(
            f"SAGGAR_TLS_CERT and SAGGAR_TLS_KEY: {settings.tls_cert} and {settings.tls_key} are not a certificate "
            f"chain and its private key, unencrypted, in PEM ({getattr(error, 'reason', None) or error})"
        ) from None
    try:
        if settings.tls_client_ca:
            context.load_verify_locations(settings.tls_client_ca)
    except (ssl.SSLError, ValueError) as error:
        raise InvalidInputError(
            f"SAGGAR_TLS_CLIENT_CA: {settings.tls_client_ca} has no certificates in PEM "
            f"({getattr(error, 'reason', None) or error})"
        ) from None
