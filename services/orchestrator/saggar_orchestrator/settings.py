"""Settings of the orchestrator, read from the environment (prefix SAGGAR_) once, in `__main__`."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from saggar.settings import ApiKey, File, Folders, ServiceSettings, read_api_key
from saggar.store import ObjectStore

from saggar_orchestrator.local.home import Home


def usual_roots() -> list[Path]:
    """Where people keep photographs."""
    return [
        Path.home(),
        Path.cwd(),
        Path(tempfile.gettempdir()),
        *map(Path, ("/data", "/mnt", "/media", "/srv", "/Volumes")),
    ]


def check_database_url(url: str) -> str:
    """The address of a workflow database, as it is. ValueError for one that is none."""
    if url and not re.match(r"(sqlite:///|postgres(ql)?(\+\w+)?://)", url):
        scheme = url.partition(":")[0]  # what follows may have a password in it
        raise ValueError(f"'{scheme}:...' is no such address; write postgresql://user@host/database, or sqlite:///file")
    return url


class OrchestratorSettings(ServiceSettings):
    """Where its peers are and where it keeps its workflow database."""

    home: Path = Field(Path(".saggar"), description="folder for the workflow database and drawn collections")
    database_url: Annotated[str, AfterValidator(check_database_url)] = Field(
        "", description="workflow database (SQLAlchemy URL, e.g. postgresql://...); empty: SQLite in home"
    )
    generator: str = Field(
        "127.0.0.1:50052", description="target of the generator; dns:///name:port spreads over replicas"
    )
    qc: str = Field("127.0.0.1:50053", description="target of the qc service")
    trainer: str = Field(
        "127.0.0.1:50054",
        description="target of the trainer: host:port, several with commas between, or dns:///name:port",
    )
    classifier: str = Field("127.0.0.1:50055", description="target of the classifier")
    classifier_key: ApiKey = Field(
        SecretStr(""), description="API key for the classifier, with the scope administer; empty: it asks for none"
    )
    classifier_key_file: File = Field(None, description="file that has this key, instead")
    data_roots: Folders = Field(
        default_factory=usual_roots,
        min_length=1,
        description="folders that experiments may name files in, written as in PATH; default: this user's home, the "
        "working folder, the folder of temporary files, /data, /mnt, /media, /srv and /Volumes",
    )
    parallel_shards: int = Field(
        4,
        ge=1,
        le=512,
        description="least number of generation shards out at the same time; more where there are more replicas",
    )
    parallel_trainings: int = Field(
        0,
        ge=0,
        le=512,
        description="trainings and evaluations of an experiment at the same time; 0: one per trainer replica",
    )
    takeover_s: float = Field(
        60.0,
        ge=2,
        le=86_400,
        description="silence after which another orchestrator of the database is dead and its experiments go on here; "
        "at least 45 where workers are on other machines, which by then have dropped its work",
    )
    mlflow_uri: str = Field(
        "",
        description="MLflow server, or tracking URI, that gets a copy of every training; empty: none. Needs the extra "
        "mlflow",
    )
    peer_patience_s: float = Field(
        300.0, ge=0, le=604_800, description="how long a step waits for a peer that cannot be reached before it fails"
    )

    status_listen: str = Field("", description="host:port of the status pages, port 0 for a free one; empty: no pages")
    status_tokens: File = Field(
        None, description="YAML file of `person: token`, who may start, stop and activate; none: nobody may"
    )
    status_open: bool = Field(
        True, description="whether whoever reaches the status pages may look; false: only who is signed in"
    )
    status_address_file: File = Field(None, description="file to write the status pages' host:port to")
    status_url: str = Field("", description="address by which people reach the status pages, if not by an IP address")
    status_proxies: str = Field(
        "", description="addresses of servers before the pages whose word on a visitor's address is believed, by commas"
    )
    review_url: str = Field("", description="address of the review pages, for links to them; empty: no links")

    def peers(self) -> dict[str, str]:
        """Targets by service name."""
        return {name: getattr(self, name) for name in ("generator", "qc", "trainer", "classifier")}

    def keys(self) -> dict[str, str]:
        """API keys by service name."""
        return {"classifier": read_api_key(self.classifier_key, self.classifier_key_file, "classifier_key")}


class CommandSettings(ServiceSettings):
    """What the command line reads from the environment: how it reaches services, and the store."""

    store: str = ""  # empty: the folder in its home, or, of a remote home, the orchestrator
    generator: str = ""
    qc: str = ""
    trainer: str = ""
    classifier: str = ""
    review_url: str = ""
    status_url: str = ""
    classifier_key: ApiKey = SecretStr("")
    classifier_key_file: File = None

    def servers(self, orchestrator: str) -> dict[str, str]:
        """Targets of services that run elsewhere, by name. A generator, qc or trainer counts beside an orchestrator
        alone: by itself, its variable is for an orchestrator that is started here.
        """
        beside = ("generator", "qc", "trainer", "classifier") if orchestrator else ("classifier",)
        found = {"orchestrator": orchestrator} | {name: getattr(self, name) for name in beside}
        if orchestrator:
            found |= {"review": self.review_url, "status": self.status_url}
        return {name: target for name, target in found.items() if target}

    def keys(self) -> dict[str, str]:
        """API keys by service name."""
        return {"classifier": read_api_key(self.classifier_key, self.classifier_key_file, "classifier_key")}

    def open(self, home: Home) -> ObjectStore:
        """The store that SAGGAR_STORE names, else the one of the home."""
        return self.open_store(self.store or str(home.store))
