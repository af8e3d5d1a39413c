"""What both jobs read from the store: taxonomy and photographs."""

from __future__ import annotations

from PIL import Image
from saggar.errors import InvalidInputError
from saggar.files.yamlfile import parse_yaml
from saggar.images import InputSpec, decode
from saggar.store import ObjectRef, ObjectStore
from saggar.taxonomy import Taxonomy


def read_taxonomy(store: ObjectStore, ref: ObjectRef) -> Taxonomy:
    """The taxonomy whose YAML is at `ref`; raises InvalidInputError when it is none."""
    try:
        text = store.read(ref).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{ref.key}: not UTF-8 text ({error.reason}); not a taxonomy") from None
    return parse_yaml(text, Taxonomy, source=ref.key)


def read_photograph(store: ObjectStore, key: str, spec: InputSpec) -> Image.Image:
    """The stored image at `key`, RGB, with as many pixels as `spec` wants; raises NotFoundError, or InvalidInputError
    when it is damaged.
    """
    return decode(store.get(key), key, enough_px=spec.enough_px)
