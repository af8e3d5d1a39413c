"""Files of certificates and keys, looked at before gRPC gets them: it says of bad ones that a peer is out of reach."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

from saggar.errors import InvalidInputError


def need_pair(certificate: Path, key: Path, variables: tuple[str, str]) -> None:
    """Raises InvalidInputError where they are no certificate chain with its private key, or it is not valid now."""
    first, second = variables
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        raise InvalidInputError(f"{first} and {second}: {_why(certificate, key, error)}") from None
    _need_valid(_dates(certificate)[:1], certificate, first)


def need_authorities(path: Path, variable: str) -> None:
    """Raises InvalidInputError where there are no certificates in the file, or none that is valid now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except (ssl.SSLError, ValueError) as error:
        raise InvalidInputError(
            f"{variable}: {path} has no certificates in PEM ({getattr(error, 'reason', None) or error}); name the file "
            "of the authority's certificate"
        ) from None
    _need_valid(_dates(path), path, variable)


def _why(certificate: Path, key: Path, error: Exception) -> str:
    reason = getattr(error, "reason", None) or str(error)
    if reason == "KEY_VALUES_MISMATCH":
        return f"the key {key} does not belong to the certificate {certificate} ({reason}); name its own"
    return (
        f"{certificate} and {key} are not a certificate chain and its private key, unencrypted, in PEM ({reason}); "
        "check that neither names the other's file"
    )


def _need_valid(dates: list[tuple[datetime, datetime]], path: Path, variable: str) -> None:
    """Of several certificates one is enough."""
    now = datetime.now(UTC)
    if not dates or any(begin <= now <= end for begin, end in dates):
        return
    begin, end = max(dates, key=lambda each: each[1])
    if end < now:
        raise InvalidInputError(
            f"{variable}: the certificate in {path} ran out on {end:%Y-%m-%d}; renew it, or set this machine's clock"
        )
    raise InvalidInputError(
        f"{variable}: the certificate in {path} is valid from {begin:%Y-%m-%d %H:%M} UTC on only; set this machine's "
        "clock, or wait"
    )


def _dates(path: Path) -> list[tuple[datetime, datetime]]:
    """From when and until when each certificate of the file is valid; what cannot be read is left to OpenSSL."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError:
        return []
    return [(each.not_valid_before_utc, each.not_valid_after_utc) for each in found]
