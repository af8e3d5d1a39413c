"""The photograph that a cell names: a file below a folder, or an image on a server that may be asked."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from saggar.client.line import LARGEST_BYTES
from saggar.decoding import decode
from saggar.errors import BusyError, InvalidInputError, UnavailableError
from saggar.files.pictures.image_names import is_image_name
from saggar.files.regular import read_regular
from saggar.files.wholefile import write_whole
from saggar.importing.photographs.cells import name_in_cell
from saggar.importing.photographs.locating import locate
from saggar.museums.web import ElsewhereError, UnusableAnswerError, Web

_SIZE = "!512,512"  # the longer side; what the network sees is smaller still
_AS_IT_IS = "max"
_REGION = r"(full|square|(pct:)?[\d.]+,[\d.]+,[\d.]+,[\d.]+)"
_REQUEST = re.compile(
    rf"(?P<base>.+)/{_REGION}/[^/]+/!?[\d.]+/(default|color|gray|bitonal|native)\.(jpg|png|webp|tif|gif|jp2)"
)
_SERVICE = re.compile(r"/iiif/", re.IGNORECASE)  # identifiers may be called as files are: `/iiif/3/A12.tif`
_FAILURES = 5  # of a server, one after another, after which it is asked no more


class Photographs:
    """Reads photographs; one thread at a time."""

    def __init__(self, folder: Path, web: Web | None, *, keep: bool = False) -> None:
        """`folder` has the files; `web` may visit the servers that were agreed on, None: none was.

        `keep`: an image that is fetched is kept in `folder` as `kept_name` says, and not fetched again.
        """
        self._folder = folder.resolve()
        self._keep = keep
        self._web = web
        self._failures: Counter[str] = Counter()

    def read(self, cell: str) -> bytes:
        """The photograph's bytes, encoded.

        Raises InvalidInputError for what cannot be had, UnavailableError or BusyError where another time may help.
        """
        name = cell.strip()
        if not name:
            raise InvalidInputError("names no photograph")
        if "://" in name:
            return self._kept_or_fetched(name) if self._keep else self._fetch(name)
        return _read(locate(self._folder, name_in_cell(self._folder, cell)), name)

    def _kept_or_fetched(self, address: str) -> bytes:
        kept = self._folder / kept_name(address)
        if kept.is_file() and _is_image(data := _read(kept, address)):
            return data
        data = self._fetch(address)
        if _is_image(data):  # half an answer is not kept, so that it is fetched again another time
            write_whole(kept, data)
        return data

    def _fetch(self, address: str) -> bytes:
        if self._web is None:
            raise InvalidInputError(f"{address}: is on a server; {_remedy(address)}")
        host = _host(address)
        if self._failures[host] >= _FAILURES:
            raise UnavailableError(f"{host} was not asked again after {_FAILURES} failures in a row")
        try:
            data = self._image(address, self._web)
        except ElsewhereError as error:
            raise InvalidInputError(f"{error}; {_remedy(error.url)}") from None
        except UnusableAnswerError as error:
            raise InvalidInputError(str(error)) from None
        except (UnavailableError, BusyError):
            self._failures[host] += 1
            raise
        self._failures[host] = 0
        return data

    @staticmethod
    def _image(address: str, web: Web) -> bytes:
        base = image_service(address)
        if base is None:
            return web.image(address)
        try:
            return web.image(image_request(base, _SIZE))
        except UnusableAnswerError as error:
            if error.status not in (400, 501):
                raise
        return web.image(image_request(base, _AS_IT_IS))  # smaller than that: version 3 does not enlarge


def kept_name(address: str) -> str:
    """Where a photograph that was fetched from `address` is kept, below the folder of photographs."""
    return f"fetched-images/{hashlib.sha256(address.strip().encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.jpg"


def image_service(address: str) -> str | None:
    """The base of the IIIF Image API that `address` is a request to, or is itself; None for a plain image file.

    `https://host/iiif/A12`, `.../A12/info.json` and `.../A12/full/max/0/default.jpg` all have the first as their base.
    """
    path = address.split("?", 1)[0].split("#", 1)[0].rstrip("/")
    if path.endswith("/info.json"):
        return path.removesuffix("/info.json")
    if found := _REQUEST.fullmatch(path):
        return found["base"]
    is_file = is_image_name(path) and not _SERVICE.search(path)
    return None if is_file else path


def image_request(base: str, size: str) -> str:
    """The whole image in a size, as JPEG (IIIF Image API, versions 2 and 3)."""
    return f"{base}/full/{size}/0/default.jpg"


def _read(path: Path, name: str) -> bytes:
    try:
        return read_regular(path, LARGEST_BYTES)
    except OSError as error:
        raise InvalidInputError(f"{name}: cannot be read ({error.strerror}); check its permissions") from None


def _is_image(data: bytes) -> bool:
    try:
        decode(data, "")
    except InvalidInputError:
        return False
    return True


def _remedy(address: str) -> str:
    """What lets an address be visited: options of the command that do, for its scheme, port and kind of host."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or parts.scheme not in {"http", "https"} or parts.username is not None or "\\" in address:
        return "it is no plain web address (http or https): download the photograph and name the file"
    standard = parts.scheme == "https" and port in (None, 443)
    option = f"--image-host {host if standard else f'{parts.scheme}://{parts.netloc}'}"
    return f"allow it with {option}{' --allow-private-addresses' if _is_private(host) else ''}, or name a file"


def _is_private(host: str) -> bool:
    """Whether a host says by itself that it is this machine, or of a private network."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        host = host.rstrip(".")
        return "." not in host or host.endswith((".localhost", ".local", ".internal", ".lan"))


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
