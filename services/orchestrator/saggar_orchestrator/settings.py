"""Settings of the orchestrator, read from the environment (prefix SAGGAR_) once, in `__main__`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pydantic import Field, SecretStr
from saggar.settings import ServiceSettings
from saggar.store import ObjectStore, open_store

from saggar_orchestrator.local.home import Home


def usual_roots() -> list[Path]:
    """Where people keep photographs."""
    return [
        Path.home(),
        Path.cwd(),
        Path(tempfile.gettempdir()),
        *map(Path, ("/data", "/mnt", "/media", "/srv", "/Volumes")),
    ]


class OrchestratorSettings(ServiceSettings):
    """Where its peers are and where it keeps its workflow database."""

    home: Path = Field(Path(".saggar"), description="folder for the workflow database and drawn collections")
    database_url: str = Field(
        "", description="workflow database (SQLAlchemy URL, e.g. postgresql://...); empty: SQLite in home"
    )
    generator: str = Field(
        "127.0.0.1:50052", description="target of the generator; dns:///name:port spreads over replicas"
    )
    qc: str = Field("127.0.0.1:50053", description="target of the qc service")
    trainer: str = Field("127.0.0.1:50054", description="target of the trainer")
    classifier: str = Field("127.0.0.1:50055", description="target of the classifier")
    classifier_key: SecretStr = Field(
        SecretStr(""), description="API key for the classifier, with the scope administer; empty: it asks for none"
    )
    data_roots: list[Path] = Field(
        default_factory=usual_roots,
        description="folders that experiments may name files in, a JSON list; default: this user's home, the working "
        "folder, the folder of temporary files, /data, /mnt, /media, /srv and /Volumes",
    )
    parallel_shards: int = Field(
        4, ge=1, description="generation shards out at the same time; at least one per generator replica"
    )
    peer_patience_s: float = Field(
        300.0, ge=0, description="how long a step waits for a peer that cannot be reached before it fails"
    )

    def peers(self) -> dict[str, str]:
        """Targets by service name."""
        return {name: getattr(self, name) for name in ("generator", "qc", "trainer", "classifier")}


class StoreSettings(ServiceSettings):
    """Where the command line finds the store: `SAGGAR_STORE`, else the folder in its home."""

    store: str = ""

    def open(self, home: Home) -> ObjectStore:
        """The store, opened."""
        url = self.store or str(home.store)
        return open_store(url, self.s3_access_key.get_secret_value(), self.s3_secret_key.get_secret_value())
