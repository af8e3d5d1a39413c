"""Settings that every service has, read from the environment: `SAGGAR_LISTEN`, `SAGGAR_STORE` and so on.

Services subclass `ServiceSettings`; `__main__` reads them once, with `read_settings`, and passes them down.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from saggar.errors import FieldViolation, InvalidInputError, NotFoundError, SaggarError
from saggar.files.text_encoding import marked_text
from saggar.files.wholefile import write_whole
from saggar.store import ObjectStore, open_store

PREFIX = "SAGGAR_"
_LONGEST_KEY = 4096  # characters; metadata of a call has room for twice as many


def _check_address(address: str) -> str:
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isdecimal() and int(port) <= 65535):
        raise ValueError(f"'{address}' is not host:port, such as 127.0.0.1:50051 or [::]:50051")
    return address


Address = Annotated[str, AfterValidator(_check_address)]


def _parts(separator: str) -> BeforeValidator:
    """Of a variable's text, which pydantic-settings takes for JSON otherwise."""
    return BeforeValidator(
        lambda value: (
            [each.strip() for each in value.split(separator) if each.strip()] if isinstance(value, str) else value
        )
    )


def _check_folders(folders: list[Path]) -> list[Path]:
    for folder in folders:
        if not folder.is_absolute():
            raise ValueError(f"'{folder}' is no absolute path; write folders with '{os.pathsep}' between them")
    return folders


Folders = Annotated[list[Path], NoDecode, _parts(os.pathsep), AfterValidator(_check_folders)]
Names = Annotated[tuple[str, ...], NoDecode, _parts(",")]


def _is_empty(value: object) -> bool:
    return isinstance(value, str) and not value.strip()


def _need_name(value: object) -> object:
    if _is_empty(value):
        raise ValueError("is empty, and without it anybody may call; name a file, or unset the variable to mean that")
    return value


# A variable that is set to nothing is as if it were not set, but for what keeps callers out.
File = Annotated[Path | None, BeforeValidator(lambda value: None if _is_empty(value) else value)]
Guard = Annotated[Path | None, BeforeValidator(_need_name)]


def what_is_wrong_with_key(key: str) -> str:
    """Why no call can carry `key`, without showing it; empty for one that can be sent."""
    if len(key) > _LONGEST_KEY:
        return f"is longer than any key ({len(key)} characters, at most {_LONGEST_KEY})"
    place = next((place for place, each in enumerate(key, start=1) if not "!" <= each <= "~"), 0)
    if not place:
        return ""
    what = "a space or a line break" if key[place - 1].isspace() else "a character that is not printable ASCII"
    return f"has {what} at place {place}; a key is letters, digits and signs of ASCII, in one piece"


def _check_key(key: SecretStr) -> SecretStr:
    if wrong := what_is_wrong_with_key(key.get_secret_value()):
        raise ValueError(wrong)
    return key


ApiKey = Annotated[SecretStr, AfterValidator(_check_key)]


class CallerSettings(BaseSettings):
    """How services are called. A field `x` is the variable `SAGGAR_X`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    tls_ca: File = Field(
        default=None, description="authorities (PEM) of the services that are called; set: calls are encrypted"
    )
    tls_client_cert: File = Field(
        default=None,
        description="certificate chain (PEM) to show to services that ask for one; default: SAGGAR_TLS_CERT",
    )
    tls_client_key: File = Field(default=None, description="its private key (PEM); default: SAGGAR_TLS_KEY")

    @model_validator(mode="after")
    def _client_tls_is_whole(self) -> CallerSettings:
        if (self.tls_client_cert is None) != (self.tls_client_key is None):
            raise ValueError("SAGGAR_TLS_CLIENT_CERT and SAGGAR_TLS_CLIENT_KEY go together; set both or neither")
        if self.tls_client_cert and not self.tls_ca:
            raise ValueError(
                "SAGGAR_TLS_CLIENT_CERT needs SAGGAR_TLS_CA, the authorities of the services that are called"
            )
        return self

    def client_pair(self) -> tuple[Path | None, Path | None]:
        """Certificate and key that calls show."""
        return self.tls_client_cert, self.tls_client_key


class ServiceSettings(CallerSettings):
    """What any service needs to run."""

    listen: Address = Field(default="127.0.0.1:0", description="host:port to listen on; port 0 takes a free one")
    store: str = Field(
        default=".saggar/store",
        description="object store: a folder, file:///folder, or s3://bucket?endpoint=http://host:port",
    )
    s3_access_key: ApiKey = Field(default=SecretStr(""), description="access key of an s3:// store")
    s3_secret_key: SecretStr = Field(default=SecretStr(""), description="secret key of an s3:// store")
    s3_access_key_file: File = Field(default=None, description="file that has the access key, instead")
    s3_secret_key_file: File = Field(default=None, description="file that has the secret key, instead")
    address_file: File = Field(default=None, description="file to write the bound host:port to")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least level that is logged"
    )
    log_json: bool = Field(default=False, description="log one JSON object a line")
    drain_seconds: float = Field(
        default=20.0,
        ge=0,
        le=86_400,
        description="how long running calls may go on after SIGTERM before they are cancelled",
    )
    max_message_mib: int = Field(default=20, ge=1, le=1024, description="largest message that is accepted")
    max_streams: int = Field(
        default=200, ge=1, le=2000, description="streams that may be open at once; others are refused"
    )
    reflection: bool = Field(default=True, description="whether callers may ask for the contract (server reflection)")
    tls_cert: File = Field(default=None, description="server's certificate chain (PEM); with tls_key turns TLS on")
    tls_key: File = Field(default=None, description="server's private key (PEM)")
    tls_client_ca: Guard = Field(
        default=None, description="authorities (PEM) of client certificates; set: clients must show one"
    )

    @model_validator(mode="after")
    def _tls_is_whole(self) -> ServiceSettings:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("SAGGAR_TLS_CERT and SAGGAR_TLS_KEY go together; set both or neither")
        if self.tls_client_ca and not self.tls_cert:
            raise ValueError("SAGGAR_TLS_CLIENT_CA needs SAGGAR_TLS_CERT and SAGGAR_TLS_KEY")
        return self

    def client_pair(self) -> tuple[Path | None, Path | None]:
        """A service shows its own certificate where it has none for its calls."""
        return (self.tls_client_cert, self.tls_client_key) if self.tls_client_cert else (self.tls_cert, self.tls_key)

    def open_store(self, url: str = "") -> ObjectStore:
        """The store that `url` names, or else `store`. Raises as `saggar.store.open_store` and `read_secret`."""
        return open_store(
            url or self.store,
            read_secret(self.s3_access_key, self.s3_access_key_file, "s3_access_key"),
            read_secret(self.s3_secret_key, self.s3_secret_key_file, "s3_secret_key"),
        )


def read_secret(value: SecretStr, file: Path | None, name: str) -> str:
    """The secret of the setting `name`: its value, or what its file has. InvalidInputError for both, NotFoundError for
    a file that cannot be read.
    """
    variable = _variable(name)
    if file is None:
        return value.get_secret_value()
    if value.get_secret_value():
        raise InvalidInputError(f"{variable} and {variable}_FILE are both set; set one of them")
    try:
        return marked_text(file.read_bytes(), str(file)).strip()
    except (OSError, InvalidInputError) as error:
        said = getattr(error, "strerror", None) or "not UTF-8 text"
        raise NotFoundError(
            f"{variable}_FILE: cannot read {file}: {said}; check the path, and that this user may read it", str(file)
        ) from None


def read_api_key(value: SecretStr, file: Path | None, name: str) -> str:
    """As `read_secret`, of a key that calls show: InvalidInputError also for a file that has none."""
    found = read_secret(value, file, name)
    if file is not None and (wrong := what_is_wrong_with_key(found) or ("" if found else "is empty")):
        raise InvalidInputError(f"{_variable(name)}_FILE: the key in {file} {wrong}")
    return found


def write_address(path: Path, address: str, name: str) -> None:
    """Keeps the address that was bound, whole or not at all, in the file of the setting `name`. Folders are made.

    Raises InvalidInputError or StorageFullError, naming the setting.
    """
    try:
        if path.is_dir():
            raise InvalidInputError(f"{path}: is a folder; name a file in it")
        write_whole(path, address.encode())
    except SaggarError as error:
        raise type(error)(f"{_variable(name)}: {error}") from None
    except OSError as error:
        raise InvalidInputError(
            f"{_variable(name)}: {path}: cannot be written ({error.strerror}); check the folder"
        ) from None


SettingsT = TypeVar("SettingsT", bound=ServiceSettings)


def read_settings(kind: type[SettingsT], about: str, arguments: Sequence[str] | None = None) -> SettingsT:
    """The service's settings from the environment. `--help` prints `about` and every variable, and exits.

    Raises InvalidInputError, one violation per variable.
    """
    parser = argparse.ArgumentParser(
        description=about,
        epilog=f"Environment:\n{_variables(kind)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(arguments)
    try:
        return kind()
    except ValidationError as error:
        violations = tuple(
            FieldViolation(
                _variable(str(problem["loc"][0])) if problem["loc"] else "",
                problem["msg"].removeprefix("Value error, "),
            )
            for problem in error.errors()
        )
        lines = "\n".join(f"  {v.field}: {v.description}".replace("  : ", "  ") for v in violations)
        raise InvalidInputError(f"bad settings in the environment:\n{lines}", violations) from None


def _variables(kind: type[ServiceSettings]) -> str:
    return "\n".join(
        f"  {_variable(name):<24} {field.description or ''}{_default(field)}"
        for name, field in kind.model_fields.items()
    )


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None or isinstance(value, SecretStr) or field.is_required():
        return ""
    return f" [{json.dumps(value, default=str)}]"
