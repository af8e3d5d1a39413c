"""A store from its URL."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from saggar.errors import InvalidInputError
from saggar.store.directory import DirectoryStore
from saggar.store.objects import ObjectStore

_FORMS = (
    "give a folder, file:///absolute/folder, or "
    "s3://bucket?endpoint=http://host:port[&region=NAME][&style=virtual][&ca=FILE]"
)


def open_store(url: str, access_key: str = "", secret_key: str = "") -> ObjectStore:
    """The store at `url`: a plain path, `file:///abs/dir`, or
    `s3://bucket?endpoint=http://host:port[&region=...][&style=virtual][&ca=FILE]`; FILE has the authority (PEM) of a
    store whose certificate this machine does not know.

    A missing folder is made; a missing bucket is not. Raises InvalidInputError for any other URL, and for an
    S3 one without credentials.
    """
    if "://" not in url:
        if not url:
            raise InvalidInputError(f"the store's URL is empty; {_FORMS}")
        if url.lower().startswith(("s3:", "file:", "http:", "https:")):  # else a folder of that name would be made
            raise InvalidInputError(f"'{url}' is not a store's URL: after the colon come two slashes; {_FORMS}")
        return DirectoryStore(Path(url).expanduser())
    parts = urlsplit(url)
    if parts.scheme == "file":
        if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
            raise InvalidInputError(f"'{url}' is not a store's URL: file: takes an absolute folder; {_FORMS}")
        return DirectoryStore(Path(unquote(parts.path)))
    if parts.scheme == "s3":
        return _open_s3(url, access_key, secret_key)
    raise InvalidInputError(f"'{url}' is not a store's URL: unknown scheme '{parts.scheme}'; {_FORMS}")


def _open_s3(url: str, access_key: str, secret_key: str) -> ObjectStore:
    from saggar.store.s3 import S3Store

    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if unknown := sorted(query.keys() - {"endpoint", "region", "style", "ca"}):
        raise InvalidInputError(f"'{url}' has the unknown parameter {unknown[0]}; {_FORMS}")
    if not parts.netloc or parts.path.strip("/"):
        raise InvalidInputError(f"'{url}' must name one bucket and no folder; {_FORMS}")
    endpoint = _endpoint(url, query.get("endpoint", "https://s3.amazonaws.com"), parts.netloc)
    style = query.get("style", "path")
    if style not in {"path", "virtual"}:
        raise InvalidInputError(
            f"'{url}' has the style '{style}'; style=path (host/bucket) and style=virtual (bucket.host) are known"
        )
    if "ca" in query and endpoint.scheme != "https":
        raise InvalidInputError(
            f"'{url}' has an authority (ca=), and http has no certificates; give endpoint=https://..."
        )
    if not access_key or not secret_key:
        raise InvalidInputError(f"the store {url} needs credentials; set SAGGAR_S3_ACCESS_KEY and SAGGAR_S3_SECRET_KEY")
    return S3Store(
        endpoint=endpoint.netloc,
        bucket=parts.netloc,
        access_key=access_key,
        secret_key=secret_key,
        secure=endpoint.scheme == "https",
        region=query.get("region", "us-east-1"),
        virtual_host=style == "virtual",
        authority=query.get("ca", ""),
    )


def _endpoint(url: str, given: str, bucket: str) -> SplitResult:
    endpoint = urlsplit(given)
    if endpoint.scheme not in {"http", "https"} or not endpoint.netloc:
        raise InvalidInputError(f"'{url}' needs an endpoint such as http://127.0.0.1:9000; {_FORMS}")
    root = f"{endpoint.scheme}://{endpoint.netloc}"
    if path := endpoint.path.strip("/"):
        if path == bucket:
            raise InvalidInputError(f"'{url}' names the bucket twice; give endpoint={root}")
        raise InvalidInputError(
            f"'{url}': the endpoint has the path /{path}, and S3 is signed for a host without one; give "
            f"endpoint={root}, and where a proxy has S3 below a path, give S3 a host or a port of its own"
        )
    if endpoint.netloc.startswith(f"{bucket}."):
        host = endpoint.netloc.removeprefix(f"{bucket}.")
        raise InvalidInputError(
            f"'{url}': the endpoint's host begins with the bucket; give endpoint={endpoint.scheme}://{host}&style=virtual"
        )
    return endpoint
