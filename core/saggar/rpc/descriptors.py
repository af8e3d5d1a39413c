"""Several descriptor pools as one, for reflection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor_pool import DescriptorPool


class Descriptors:
    """Finds in the first of `pools` that knows what is asked for; KeyError where none does, as a pool itself."""

    def __init__(self, *pools: DescriptorPool) -> None:
        self._pools = pools

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def find(*arguments: Any) -> Any:
            missing = KeyError(*arguments)
            for pool in self._pools:
                try:
                    return getattr(pool, name)(*arguments)
                except KeyError as error:
                    missing = error
            raise missing

        return find
