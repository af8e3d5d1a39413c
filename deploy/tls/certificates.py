"""An authority, and a certificate of it for each name: what is missing, or ends within a month, is made.

    python certificates.py FOLDER NAME...   FOLDER/authority/{authority.pem,key.pem}
                                            FOLDER/<name>/{authority.pem,certificate.pem,key.pem}

A certificate is valid for its name, localhost and 127.0.0.1, for servers and for callers. Needs openssl.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

_AUTHORITY_DAYS, _DAYS = 3650, 397
_MONTH_S = 30 * 24 * 3600
_USER = 10001  # of the images


def main(folder: Path, names: list[str]) -> int:
    authority = folder / "authority"
    authority.mkdir(parents=True, exist_ok=True)
    if not _is_good(authority / "authority.pem"):
        _make_authority(authority)
        print("authority made")
    for name in names:
        place = folder / name
        place.mkdir(exist_ok=True)
        if not (_is_good(place / "certificate.pem") and _is_of(place / "certificate.pem", authority)):
            _issue(name, place, authority)
            print(f"{name}: certificate made")
        if os.getuid() == 0:
            for path in (place, *place.iterdir()):
                os.chown(path, _USER, _USER)
    return 0


def _make_authority(place: Path) -> None:
    _openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", str(_AUTHORITY_DAYS),
        "-subj", "/CN=Saggar", "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        "-keyout", str(place / "key.pem"), "-out", str(place / "authority.pem"),
    )  # fmt: skip
    (place / "key.pem").chmod(0o400)


def _issue(name: str, place: Path, authority: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        request, extensions = Path(scratch) / "request.pem", Path(scratch) / "extensions"
        extensions.write_text(
            f"subjectAltName=DNS:{name},DNS:localhost,IP:127.0.0.1\n"
            "extendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=critical,CA:FALSE\n",
            encoding="ascii",
        )
        (place / "key.pem").unlink(missing_ok=True)
        _openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-subj", f"/CN={name}",
            "-keyout", str(place / "key.pem"), "-out", str(request),
        )  # fmt: skip
        _openssl(
            "x509", "-req", "-in", str(request), "-days", str(_DAYS), "-extfile", str(extensions),
            "-CA", str(authority / "authority.pem"), "-CAkey", str(authority / "key.pem"), "-CAcreateserial",
            "-CAserial", str(Path(scratch) / "serial"), "-out", str(place / "certificate.pem"),
        )  # fmt: skip
    (place / "key.pem").chmod(0o400)
    (place / "authority.pem").write_bytes((authority / "authority.pem").read_bytes())


def _is_good(certificate: Path) -> bool:
    return certificate.exists() and _openssl("x509", "-in", str(certificate), "-checkend", str(_MONTH_S), check=False)


def _is_of(certificate: Path, authority: Path) -> bool:
    return _openssl("verify", "-CAfile", str(authority / "authority.pem"), str(certificate), check=False)


def _openssl(*arguments: str, check: bool = True) -> bool:
    done = subprocess.run(  # noqa: S603 our own arguments
        ["openssl", *arguments],  # noqa: S607 found on the path of the image
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode:
        raise SystemExit(f"openssl {arguments[0]}: {done.stderr.strip()}")
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
