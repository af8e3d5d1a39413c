"""Files of certificates and keys, looked at before gRPC gets them: it says of bad ones that a peer is out of reach."""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path

from saggar.errors import InvalidInputError

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_UTC_TIME, _VERSION = 0x17, 0xA0  # tags of DER
_CENTURY_TURNS = 50  # RFC 5280, 4.1.2.5.1: two digits below are of this century


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
    """From when and until when each certificate of the file is valid; those that cannot be read are left to OpenSSL."""
    found = []
    for block in _BLOCK.findall(path.read_text(encoding="latin-1")):
        try:
            found.append(_validity(ssl.PEM_cert_to_DER_cert(block)))
        except (ValueError, IndexError):
            continue
    return found


def _validity(der: bytes) -> tuple[datetime, datetime]:
    """Of a certificate (RFC 5280, 4.1): version, serial number, algorithm and issuer stand before it."""
    _, at, _ = _element(der, 0)
    _, at, _ = _element(der, at)
    if der[at] == _VERSION:
        at = _element(der, at)[2]
    for _ in range(3):
        at = _element(der, at)[2]
    _, at, _ = _element(der, at)
    return _time(der, at), _time(der, _element(der, at)[2])


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, begin of the content, and end."""
    length, begin = der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, begin = int.from_bytes(der[begin : begin + count], "big"), begin + count
    return der[at], begin, begin + length


def _time(der: bytes, at: int) -> datetime:
    tag, begin, end = _element(der, at)
    text = der[begin:end].decode("ascii")
    if tag == _UTC_TIME:
        text = f"{'20' if int(text[:2]) < _CENTURY_TURNS else '19'}{text}"
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
