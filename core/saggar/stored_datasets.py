"""Data sets in the object store: where their manifests are, how they are written and read, and their images' hashes."""

from __future__ import annotations

import hashlib

import pandas as pd

from saggar.dataset.manifest import Manifest
from saggar.decoding import decode
from saggar.duplicates.perceptual import perceptual_hash
from saggar.files.parallel import in_threads
from saggar.store import ObjectRef, ObjectStore

_MEDIA_TYPE = "application/vnd.apache.parquet"


def manifest_key(identity: str, prefix: str = "datasets") -> str:
    """Where a store has the manifest of a data set."""
    return f"{prefix.strip('/')}/{identity}/manifest.parquet"


def write_manifest(store: ObjectStore, manifest: Manifest, prefix: str = "datasets") -> ObjectRef:
    """Keeps `manifest` under `<prefix>/<first 16 digits of its SHA-256>/manifest.parquet`."""
    data = manifest.to_parquet()
    identity = hashlib.sha256(data).hexdigest()[:16]
    return store.put(manifest_key(identity, prefix), data, _MEDIA_TYPE)


def read_manifest(store: ObjectStore, ref: ObjectRef) -> Manifest:
    """The manifest at `ref`. Raises NotFoundError, DataCorruptionError, or InvalidInputError."""
    return Manifest.from_parquet(store.read(ref), ref.key)


def with_hashes(store: ObjectStore, manifest: Manifest) -> Manifest:
    """`manifest` with a perceptual hash wherever it has none, from the images in `store`.

    Raises as `ObjectStore.get`, and InvalidInputError for an image that cannot be decoded.
    """

    def hashed(image: str) -> str | None:
        return perceptual_hash(decode(store.get(image), image))

    frame = manifest.frame
    missing = frame.loc[frame["phash"].isna(), "image"].drop_duplicates().tolist()
    found = pd.Series(in_threads(hashed, missing), index=missing, dtype="str")
    return manifest.with_columns(phash=frame["phash"].fillna(frame["image"].map(found)))
