"""Settings of the qc service, read from the environment (prefix SAGGAR_) once, in `__main__`."""

from __future__ import annotations

from pydantic import Field
from saggar.settings import File, ServiceSettings


class QcSettings(ServiceSettings):
    """How much of the machine it takes."""

    threads: int = Field(
        0, ge=0, le=1024, description="threads of the feature extractor; 0: as many as there are cores"
    )
    batch_size: int = Field(32, ge=1, le=1024, description="images per forward pass")
    queue_limit: int = Field(8, ge=0, le=10_000, description="jobs that may wait while one runs")
    review_listen: str = Field("", description="host:port of the review pages, port 0 for a free one; empty: no pages")
    review_tokens: File = Field(None, description="YAML file of `reviewer: token`; a reviewer signs in with the token")
    review_address_file: File = Field(None, description="file to write the pages' host:port to")
    review_url: str = Field("", description="https address of the review pages, when a server with TLS is before them")
    review_proxies: str = Field(
        "", description="addresses of servers before the pages whose word on a visitor's address is believed, by commas"
    )
