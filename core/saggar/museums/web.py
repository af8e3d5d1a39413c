"""A polite and careful HTTP client for services and images that others pay for.

One request at a time with a pause between their starts; answers that say "later" are tried again with
exponential backoff, jitter and the wait that the server asks for; only addresses that were agreed on are
visited, whatever a record or a redirect names; nothing is read without a limit.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.util import Retry

from saggar.errors import BusyError, NotFoundError, UnavailableError, WrongStateError
from saggar.files.wholefile import write_whole
from saggar.museums.objects import MuseumAnswerError
from saggar.museums.public_addresses import PrivateAddressError, PublicAdapter

_LATER = (408, 425, 429, 500, 502, 503, 504)
_REDIRECTS = (301, 302, 303, 307, 308)
_CHUNK = 1 << 16
_BYTES_OF_UNKNOWN_KIND = ("application/octet-stream", "binary/octet-stream")  # storage behind some CDNs

_PAGE_BYTES = 1 << 15  # of a page that says why we are not let in
_CHALLENGE = re.compile(
    rb"just a moment\.\.\.|challenge-platform|cf-chl|enable javascript and cookies|captcha|are you a robot|px-captcha",
    re.IGNORECASE,
)
_FIREWALL = re.compile(
    rb"incapsula|imperva|request unsuccessful|akamai|reference&#32;|access denied|request blocked|cloudfront|sucuri"
    rb"|too many requests|rate limit|wordfence|mod_security",
    re.IGNORECASE,
)

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Limits:
    """How hard to try, and how much to take."""

    attempts: int = 6
    first_wait_s: float = 1.0  # doubled each time, then shortened by chance
    longest_wait_s: float = 60.0
    firewall_wait_s: float = 30.0  # where one has shut us out for a while: The Met's, after some thirty requests
    longest_asked_wait_s: float = 300.0  # above it we give up: it is for people to come back later
    connect_s: float = 10.0
    read_s: float = 30.0  # silence
    whole_s: float = 300.0  # one answer
    redirects: int = 3
    json_bytes: int = 32 << 20
    image_bytes: int = 32 << 20
    cache_s: float = 7 * 24 * 3600.0  # the services say that their data change once a day


@dataclass(frozen=True)
class Clock:
    """Time, so that tests need not wait."""

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep


class UnusableAnswerError(MuseumAnswerError):
    """An image cannot be had: refused, of another kind, too large, or elsewhere than agreed.

    `status` is that of HTTP where the server refused the request as such, else 0.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class ElsewhereError(UnusableAnswerError):
    """`url`, that of an image or where a redirect leads, is not among those that may be visited."""

    def __init__(self, message: str, url: str) -> None:
        super().__init__(message)
        self.url = url


class BlocksProgramsError(UnusableAnswerError):
    """The museum's server lets browsers in and no programs; waiting does not help."""


class _TryAgainError(Exception):
    def __init__(self, problem: str, asked_s: float = 0.0) -> None:
        super().__init__(problem)
        self.asked_s = asked_s


class Web:
    """Reads JSON and images from `base_url` and images from `image_hosts`, and from nowhere else.

    `base_url` may be http, for mirrors and tests; everything else must be https. An image host that starts
    with a dot stands for all hosts below it; one with a scheme, such as `http://localhost:8182`, for that server alone.
    `base_headers` go to `base_url` only. Proxies come from the environment. Answers in JSON are kept in `cache`,
    without headers. Without `private_allowed` no server of a private network is talked to, whatever a name stands for.
    """

    def __init__(
        self,
        base_url: str,
        image_hosts: tuple[str, ...],
        *,
        pause_s: float,
        user_agent: str,
        cache: Path | None = None,
        base_headers: Mapping[str, str] | None = None,
        private_allowed: bool = True,
        limits: Limits | None = None,
        clock: Clock | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._base_origin = _origin(base_url)
        self._image_hosts = image_hosts
        self._image_origins = {_origin(host) for host in image_hosts if "://" in host}
        self._pause_s = pause_s
        self._cache = cache
        self._base_headers = dict(base_headers or {})
        self._limits = limits or Limits()
        self._clock = clock or Clock()
        self._chance = chance or random.Random()
        self._next_start = float("-inf")
        self._answered = False  # whether the service has let us in
        self._session = requests.Session()
        self._session.headers["User-Agent"] = user_agent
        if not private_allowed:
            for scheme in ("http://", "https://"):
                self._session.mount(scheme, PublicAdapter())

    def json(self, path: str, parameters: Mapping[str, str | int] | None = None) -> Any:
        """The JSON at `path` below the base URL.

        Raises NotFoundError (404), WrongStateError (the service refuses us), BusyError and UnavailableError
        (later), MuseumAnswerError for anything else.
        """
        query = f"?{urlencode(parameters)}" if parameters else ""
        url = f"{self.base_url}/{path}{query}"
        kept = self._kept(url)
        if kept is None:
            kept = self._insist(url, lambda response: self._read_json(response, url))
            self._keep(url, kept)
        return kept

    def image(self, url: str) -> bytes:
        """The bytes of an image. Raises UnusableAnswerError, BusyError or UnavailableError."""
        try:
            return self._insist(url, lambda response: self._read_image(response, url))
        except (NotFoundError, WrongStateError) as error:
            raise UnusableAnswerError(str(error)) from None

    def _insist(self, url: str, read: Callable[[requests.Response], ResultT]) -> ResultT:
        """One answer, tried several times where that may help."""
        for attempt in range(1, self._limits.attempts + 1):
            self._wait_for_turn()
            try:
                with self._open(url) as response:
                    return read(response)
            except _TryAgainError as error:
                problem, asked_s = str(error), error.asked_s
            except requests.exceptions.SSLError as error:
                raise UnavailableError(f"{_shown(url)}: no safe connection ({error})") from None
            except requests.exceptions.InvalidURL as error:
                raise UnusableAnswerError(f"{_shown(url)}: is not an address ({error})") from None
            except PrivateAddressError as error:
                raise UnusableAnswerError(f"{_shown(url)}: {error}") from None
            except (requests.RequestException, HTTPError, OSError) as error:
                problem, asked_s = _in_words(error), 0.0
            if asked_s > self._limits.longest_asked_wait_s:
                raise BusyError(
                    f"{_shown(url)}: {problem}; it asks to wait {asked_s:,.0f} s. Run the same command again "
                    "then; it goes on where it stopped",
                    asked_s,
                )
            if attempt < self._limits.attempts:
                longest = min(self._limits.longest_wait_s, self._limits.first_wait_s * 2 ** (attempt - 1))
                self._clock.sleep(asked_s + self._chance.uniform(0.5, 1.0) * longest)
        raise UnavailableError(
            f"{_shown(url)}: {problem}, {self._limits.attempts} times. Run the same command again later; it "
            "goes on where it stopped"
        )

    def _open(self, url: str) -> requests.Response:
        """The answer that is no redirect, after at most a few of them, each to an agreed address."""
        for _ in range(self._limits.redirects + 1):
            self._check_address(url)
            response = self._session.get(
                url,
                stream=True,
                allow_redirects=False,
                timeout=(self._limits.connect_s, self._limits.read_s),
                headers=self._base_headers if _origin(url) == self._base_origin else None,
            )
            target = response.headers.get("Location")
            if response.status_code not in _REDIRECTS or not target:
                return response
            response.close()
            url = urljoin(url, target)
        raise UnusableAnswerError(f"{_shown(url)}: redirects too often")

    def _check_address(self, url: str) -> None:
        try:
            parts, origin = urlsplit(url), _origin(url)
            host = (parts.hostname or "").lower()
        except ValueError:
            raise UnusableAnswerError(f"{url!r}: is not an address") from None
        agreed = any(host.endswith(known) if known.startswith(".") else host == known for known in self._image_hosts)
        standard = parts.scheme == "https" and parts.port in (None, 443)
        two_faced = parts.username is not None or "\\" in url  # libraries differ in which host these mean
        if two_faced or (origin not in {self._base_origin, *self._image_origins} and not (agreed and standard)):
            known = ", ".join(self._image_hosts)
            raise ElsewhereError(
                f"{_shown(url)}: is not where images may be fetched from (https and {known}); not visited", url
            )

    def _read_json(self, response: requests.Response, url: str) -> Any:
        self._check_status(response, url)
        data = self._read(response, url, self._limits.json_bytes)
        try:
            return json.loads(data)
        except ValueError:
            kind = response.headers.get("Content-Type", "something")
            raise _TryAgainError(f"answered {kind} that is not JSON") from None

    def _read_image(self, response: requests.Response, url: str) -> bytes:
        self._check_status(response, url)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if not kind.startswith("image/") and kind not in _BYTES_OF_UNKNOWN_KIND:
            raise UnusableAnswerError(f"{_shown(url)}: answered {kind or 'no content type'}, not an image")
        return self._read(response, url, self._limits.image_bytes)

    def _read(self, response: requests.Response, url: str, most: int) -> bytes:
        announced = response.headers.get("Content-Length", "")
        too_large = UnusableAnswerError(f"{_shown(url)}: is larger than {most / (1 << 20):,.0f} MiB")
        if announced.isdecimal() and int(announced) > most:
            raise too_large
        started = self._clock.monotonic()
        data = bytearray()
        for chunk in response.iter_content(_CHUNK):
            data += chunk
            if len(data) > most:
                raise too_large
            if self._clock.monotonic() - started > self._limits.whole_s:
                raise _TryAgainError(f"took longer than {self._limits.whole_s:,.0f} s")
        return bytes(data)

    def _check_status(self, response: requests.Response, url: str) -> None:
        status, origin = response.status_code, _origin(response.url or url)
        if status == 200:
            self._answered = self._answered or origin == self._base_origin
            return
        said = f"answered {status} {response.reason}"
        if status in _LATER:
            raise _TryAgainError(said, _retry_after(response))
        if status in (404, 410):
            raise NotFoundError(f"{_shown(url)}: {said}", url)
        if status == 403:
            self._check_forbidden(response, url, said, known=self._answered and origin == self._base_origin)
        if status in (401, 403):
            has_key = origin == self._base_origin and any("key" in name.lower() for name in self._base_headers)
            remedy = "check the API key and the museum's terms of use" if has_key else "see the museum's terms of use"
            raise WrongStateError(f"{_shown(url)}: {said}; it refuses us: {remedy}")
        raise UnusableAnswerError(f"{_shown(url)}: {said}", status)

    def _check_forbidden(self, response: requests.Response, url: str, said: str, *, known: bool) -> None:
        """A firewall's page is no answer of the museum: it asks programs to wait, or to stay away."""
        page = response.raw.read(_PAGE_BYTES, decode_content=True) or b""
        if response.headers.get("cf-mitigated", "").lower() == "challenge" or _CHALLENGE.search(page):
            raise BlocksProgramsError(
                f"{_shown(url)}: {said}, a check for browsers: the museum's server blocks programs, and "
                "waiting does not help"
            )
        html = "html" in response.headers.get("Content-Type", "")  # storage says 403 in XML of what it does not have
        if html and (known or _FIREWALL.search(page)):
            wait = _retry_after(response) or self._limits.firewall_wait_s
            raise _TryAgainError(f"{said} by a firewall that slows programs down", wait)

    def _wait_for_turn(self) -> None:
        wait = self._next_start - self._clock.monotonic()
        if wait > 0:
            self._clock.sleep(wait)
        self._next_start = self._clock.monotonic() + self._pause_s

    def _kept(self, url: str) -> Any:
        path = self._cache_file(url)
        if path is None:
            return None
        try:
            entry = json.loads(path.read_bytes())
            fresh = 0 <= self._clock.now() - entry["time"] < self._limits.cache_s
            return entry["answer"] if fresh and entry["url"] == url else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _keep(self, url: str, answer: Any) -> None:
        if path := self._cache_file(url):
            entry = {"url": url, "time": self._clock.now(), "answer": answer}
            write_whole(path, json.dumps(entry, ensure_ascii=False).encode())

    def _cache_file(self, url: str) -> Path | None:
        digest = hashlib.sha256(url.encode()).hexdigest()
        return self._cache / digest[:2] / f"{digest}.json" if self._cache else None


def _retry_after(response: requests.Response) -> float:
    """Seconds that the server asks to wait; 0 where it does not, or not in a way that can be read."""
    try:
        return max(0.0, Retry().parse_retry_after(response.headers.get("Retry-After", "")))
    except (InvalidHeader, ValueError):
        return 0.0


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port


def _shown(url: str) -> str:
    return url if len(url) <= 200 else f"{url[:200]}..."


def _in_words(error: Exception) -> str:
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "could not be connected to in time"
    if isinstance(error, requests.exceptions.Timeout):
        return "did not answer in time"
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy cannot be used ({error})"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the answer was cut off"
    cause = getattr(error.args[0], "reason", None) if error.args else None
    words = str(cause or error).rpartition("): ")[2] if cause else str(error)  # without the connection's repr
    return f"cannot be reached ({words}; is there a network?)"
