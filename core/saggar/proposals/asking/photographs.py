"""The photograph that a cell names: a file below a folder, or an image on a server that may be asked."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from saggar.errors import BusyError, InvalidInputError, UnavailableError
from saggar.files.pictures.image_names import is_image_name
from saggar.files.regular import read_regular
from saggar.files.wholefile import write_whole
from saggar.importing.photographs.cells import name_in_cell
from saggar.importing.photographs.locating import locate
from saggar.museums.web import UnusableAnswerError, Web

LARGEST_BYTES = 16 << 20  # what the classifier takes
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

        `keep`: what is fetched is kept in `folder` as `kept_name` says, and not fetched again.
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
        kept = self._folder / kept_name(name)
        if "://" in name and not (self._keep and kept.is_file()):
            data = self._fetch(name)
            if self._keep:
                write_whole(kept, data)
            return data
        path = kept if "://" in name else locate(self._folder, name_in_cell(self._folder, cell))
        try:
            return read_regular(path, LARGEST_BYTES)
        except OSError as error:
            raise InvalidInputError(f"{name}: cannot be read ({error.strerror}); check its permissions") from None

    def _fetch(self, address: str) -> bytes:
        if self._web is None:
            raise InvalidInputError(
                f"{address}: is on a server; allow it with --image-host {_host(address) or 'HOST'}, or name a file"
            )
        host = _host(address)
        if self._failures[host] >= _FAILURES:
            raise UnavailableError(f"{host} was not asked again after {_FAILURES} failures in a row")
        try:
            data = self._image(address, self._web)
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


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
