"""What a caller needs for encrypted calls: authorities to trust, and a certificate to show."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import grpc

from saggar.errors import InvalidInputError, NotFoundError
from saggar.rpc.encryption.certificates import need_authorities, need_pair
from saggar.settings import CallerSettings

_AUTHORITIES = "SAGGAR_TLS_CA (authorities)"
_CERTIFICATE = "SAGGAR_TLS_CLIENT_CERT (certificate)"
_KEY = "SAGGAR_TLS_CLIENT_KEY (key)"


@dataclass(frozen=True)
class ClientTls:
    """Files (PEM) for an encrypted channel, as paths or their text. Unset `authorities`: the system's own.

    `certificate` and `key` are shown to services that ask for one. Raises InvalidInputError for one without the other.
    """

    authorities: Path | str | None = None
    certificate: Path | str | None = None
    key: Path | str | None = None

    def __post_init__(self) -> None:
        for name in ("authorities", "certificate", "key"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, (str, os.PathLike)):
                raise InvalidInputError(f"{name}: give the path of a file (PEM), not {type(value).__name__}")
            object.__setattr__(self, name, Path(value) if value is not None and str(value) else None)
        if (self.certificate is None) != (self.key is None):
            raise InvalidInputError("certificate and key go together; give both or neither")


def client_tls(settings: CallerSettings) -> ClientTls | None:
    """As the settings have it: None, for calls that are not encrypted, without SAGGAR_TLS_CA.

    Raises as `client_credentials`.
    """
    if settings.tls_ca is None:
        return None
    found = ClientTls(settings.tls_ca, *settings.client_pair())
    client_credentials(found)
    return found


def client_credentials(tls: ClientTls) -> grpc.ChannelCredentials:
    """By the files that `tls` names. Raises NotFoundError for those that cannot be read, InvalidInputError for those
    that are not in PEM, do not belong together, or have run out.
    """
    authorities = _content(tls.authorities, _AUTHORITIES)
    key, certificate = _content(tls.key, _KEY), _content(tls.certificate, _CERTIFICATE)
    if tls.authorities is not None:
        need_authorities(Path(tls.authorities), _AUTHORITIES)
    if tls.certificate is not None and tls.key is not None:
        need_pair(Path(tls.certificate), Path(tls.key), (_CERTIFICATE, _KEY))
    return grpc.ssl_channel_credentials(authorities, key, certificate)


def _content(path: Path | str | None, variable: str) -> bytes | None:
    try:
        return None if path is None else Path(path).read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"cannot read {path}: {error.strerror}; check the path, and {variable} where that names it", str(path)
        ) from None
