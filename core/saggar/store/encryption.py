"""Encrypted connections to a store: which certificates are taken, and what to do about those that are not."""

from __future__ import annotations

import ssl

import urllib3

from saggar.errors import InvalidInputError

_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST"}
_UNKNOWN_AUTHORITY = "put the certificate of its authority into a file and add &ca=FILE to the store's URL"
_CERTIFICATE_REMEDIES = {  # by OpenSSL's number
    9: "it will be valid later: set this machine's clock",
    10: "renew it at the store, or set this machine's clock",
    18: _UNKNOWN_AUTHORITY,
    19: _UNKNOWN_AUTHORITY,
    20: _UNKNOWN_AUTHORITY,
    21: _UNKNOWN_AUTHORITY,
}


def trusted(authority: str) -> ssl.SSLContext:
    """Takes certificates of those in the PEM file `authority`; where it is empty, of those that this machine trusts.

    Raises InvalidInputError for a file that is not there, or none of certificates.
    """
    try:
        return ssl.create_default_context(cafile=authority or None)
    except FileNotFoundError:
        raise InvalidInputError(f"the store's authority {authority} is not there; correct ca= in its URL") from None
    except OSError as error:  # ssl.SSLError is one
        raise InvalidInputError(
            f"the store's authority {authority} cannot be read ({error.strerror or error}); ca= in its URL names a PEM "
            "file of certificates"
        ) from None


def encryption_remedy(error: Exception) -> str:
    """What is wrong with certificates, or with http and https, and what to do; nothing where they are not at fault."""
    cause = error.args[0] if isinstance(error, urllib3.exceptions.SSLError) and error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is refused ({cause.verify_message}); " + _CERTIFICATE_REMEDIES.get(
            cause.verify_code, "give the endpoint a name that the certificate has"
        )
    if isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS:
        return "no HTTPS is spoken there; give endpoint=http://... in its URL"
    return ""
