"""Content credentials: images signed as C2PA (https://c2pa.org) has it, so that a change of picture or
metadata shows.

A signature holds random numbers: signed files of equal images differ in their bytes, not in their pixels.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from saggar.errors import NotFoundError, WrongStateError

from saggar_generator.images.provenance import SOFTWARE, digital_source_type

_ASSERTION = "urn.saggar.generation"  # what the image was made from, as in its XMP
_RSA_PSS = "ps256"
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


class Signer:
    """Signs PNG files with one key; `identity` is the SHA-256 of its certificate chain."""

    def __init__(self, certificates: Path, key: Path) -> None:
        """`certificates`: PEM, the signer's own first, then those that vouch for it; `key`: PEM, not
        encrypted.

        Raises WrongStateError when c2pa-python is not installed or cannot sign with these, NotFoundError when
        a file is missing.
        """
        if importlib.util.find_spec("c2pa") is None:
            raise WrongStateError(
                "SAGGAR_C2PA_CERTIFICATES is set, but c2pa-python is not installed; `pip install "
                "saggar-generator[c2pa]`, or unset it"
            )
        import c2pa  # type: ignore[import-not-found,import-untyped,unused-ignore]

        chain = _read(certificates, "SAGGAR_C2PA_CERTIFICATES")
        secret = _read(key, "SAGGAR_C2PA_KEY")
        algorithm = _algorithm(chain, secret, certificates, key)
        self.identity = hashlib.sha256(chain).hexdigest()
        self._c2pa = c2pa
        self._context = c2pa.Context.from_dict({"builder": {"thumbnail": {"enabled": False}}})
        try:
            self._signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(algorithm, chain, secret, None))
        except c2pa.C2paError as error:
            raise WrongStateError(f"{certificates} and {key} cannot sign: {error}") from None

    def sign(self, png: bytes, inputs: Mapping[str, Any]) -> bytes:
        """`png` with a signed statement that it was created by a model, and from what.

        Raises WrongStateError when the certificate is not fit to sign with, e.g. because it has expired.
        """
        manifest = {
            "claim_generator_info": [{"name": SOFTWARE, "version": importlib.metadata.version("saggar-generator")}],
            "format": "image/png",
            "assertions": [
                {
                    "label": "c2pa.actions.v2",
                    "data": {
                        "actions": [
                            {
                                "action": "c2pa.created",
                                "digitalSourceType": digital_source_type(inputs),
                            }
                        ]
                    },
                },
                {"label": _ASSERTION, "data": dict(inputs)},
            ],
        }
        signed = io.BytesIO()
        try:
            builder = self._c2pa.Builder(json.dumps(manifest), context=self._context)
            builder.sign(self._signer, "image/png", io.BytesIO(png), signed)
        except self._c2pa.C2paError as error:
            raise WrongStateError(
                f"the image could not be signed: {error}; check the first of SAGGAR_C2PA_CERTIFICATES: its "
                "dates, its key usage (digitalSignature) and extended key usage (emailProtection or "
                "documentSigning)"
            ) from None
        return signed.getvalue()


def _read(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFoundError(f"{setting}: {path}: {error.strerror}", str(path)) from None


def _algorithm(chain: bytes, secret: bytes, certificates: Path, key: Path) -> str:
    """C2PA's name of the signature algorithm. Raises WrongStateError unless both are PEM and belong
    together.
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    try:
        certificate = x509.load_pem_x509_certificates(chain)[0]
    except ValueError as error:
        raise WrongStateError(f"{certificates} holds no PEM certificates: {error}") from None
    try:
        private = serialization.load_pem_private_key(secret, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise WrongStateError(f"{key} is no PEM key without password: {error}") from None
    public = certificate.public_key()
    if private.public_key() != public:
        raise WrongStateError(f"{key} is not the key of the first certificate in {certificates}")
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in _CURVES:
        return _CURVES[public.curve.name]
    if isinstance(public, ed25519.Ed25519PublicKey):
        return "ed25519"
    if isinstance(public, rsa.RSAPublicKey):
        return _RSA_PSS
    raise WrongStateError(
        f"{key}: C2PA knows no signatures of this kind; take an EC key (P-256, P-384, P-521), Ed25519 or RSA"
    )
