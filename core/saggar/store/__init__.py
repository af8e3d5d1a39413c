"""The object store: a directory by default, any S3 where that is outgrown.

Objects are written whole or not at all and never overwritten (checkpoints, through `replace`, are the one
exception). What is read is compared with the hash that its key or its reference names.

`S3Store` is in `saggar.store.s3`, for its client takes a while to import.
"""

from saggar.store.directory import DirectoryStore
from saggar.store.images import put_image
from saggar.store.objects import Entry, ListedStore, ObjectRef, ObjectStore, check_key, media_type_of
from saggar.store.opening import open_store
from saggar.store.verified_reads import sha256_of_key

__all__ = [
    "DirectoryStore",
    "Entry",
    "ListedStore",
    "ObjectRef",
    "ObjectStore",
    "check_key",
    "media_type_of",
    "open_store",
    "put_image",
    "sha256_of_key",
]
