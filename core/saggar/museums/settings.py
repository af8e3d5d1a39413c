"""Where the museums' services are, and how we introduce ourselves: `SAGGAR_MET_URL` and so on."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

import saggar
from saggar.errors import InvalidInputError, WrongStateError
from saggar.museums.registry import MUSEUMS, Museum
from saggar.museums.web import Clock, Limits, Web

_OF_HEADERS = "".join(map(chr, range(0x20, 0x7F)))  # other characters are sent as the bytes of UTF-8, in hexadecimal


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.username):
        raise ValueError(f"'{url}' is not an address such as https://mirror.example.org/api")
    return url


Url = Annotated[str, AfterValidator(_check_url)]


class MuseumSettings(BaseSettings):
    """Read from the environment once, by the command line."""

    model_config = SettingsConfigDict(env_prefix="SAGGAR_", extra="ignore", frozen=True)

    met_url: Url = Field(default="", description="base URL of a mirror of the Met's service")
    cleveland_url: Url = Field(default="", description="base URL of a mirror of Cleveland's service")
    aic_url: Url = Field(default="", description="base URL of a mirror of Chicago's service")
    npm_url: Url = Field(default="", description="base URL of a mirror of the National Palace Museum's service")
    npm_api_key: SecretStr = Field(default=SecretStr(""), description="API key of the National Palace Museum")
    contact: str = Field(default="", description="your e-mail address or page, sent to the museums with every request")

    def open_web(
        self,
        museum: Museum,
        cache: Path | None,
        *,
        pause_s: float | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
        chance: random.Random | None = None,
    ) -> Web:
        """A client for `museum`. Raises WrongStateError without a key, InvalidInputError for haste."""
        if pause_s is not None and pause_s < museum.least_pause_s:
            raise InvalidInputError(
                f"{museum.name} is asked at most once in {museum.least_pause_s:g} s; a pause of "
                f"{pause_s:g} s is too short"
            )
        headers: dict[str, str] = {}
        if museum.key_header:
            api_key = getattr(self, f"{museum.key}_api_key").get_secret_value()
            if not api_key:
                raise WrongStateError(
                    f"{museum.name} needs an API key: ask for one at {museum.key_from} and set "
                    f"SAGGAR_{museum.key.upper()}_API_KEY"
                )
            if not (api_key.isascii() and api_key.isprintable()):
                raise InvalidInputError(
                    f"SAGGAR_{museum.key.upper()}_API_KEY has a line break or a character that is not ASCII; no key has"
                )
            headers[museum.key_header] = api_key
        agent = self.user_agent()
        if museum.key == "aic":
            headers["AIC-User-Agent"] = agent  # what its documentation asks for
        return Web(
            getattr(self, f"{museum.key}_url") or museum.base_url,
            museum.image_hosts,
            pause_s=museum.pause_s if pause_s is None else pause_s,
            user_agent=agent,
            cache=cache / museum.key if cache else None,
            base_headers=headers,
            limits=limits,
            clock=clock,
            chance=chance,
        )

    def user_agent(self) -> str:
        """Who asks: `Saggar/0.1.0 (porcelain research; you@museum.org)`."""
        about = "; ".join(filter(None, ("porcelain research", self.contact.strip())))
        return quote(f"Saggar/{saggar.__version__} ({about})", safe=_OF_HEADERS)


assert all(f"{key}_url" in MuseumSettings.model_fields for key in MUSEUMS)  # noqa: S101
