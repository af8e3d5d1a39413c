"""The museums that can be asked: where, how often, and under which terms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from saggar.errors import NotFoundError
from saggar.museums import aic, cleveland, met, npm
from saggar.museums.objects import Found
from saggar.museums.web import Web


@dataclass(frozen=True)
class Museum:
    """One service. `search` gives what it finds for words, in its order, as long as it is asked."""

    key: str
    name: str
    base_url: str
    image_hosts: tuple[str, ...]
    search: Callable[[Web, str, int], Iterator[Found]]
    pause_s: float  # between requests, unless given otherwise
    least_pause_s: float  # what the museum allows, or what we allow ourselves where it does not say
    terms: str  # where the museum states them
    key_header: str = ""  # header of the API key, where one is needed
    key_from: str = ""  # where one asks for it
    caution: str = ""  # what everybody who fetches should read


_MUSEUMS = (
    Museum(
        key="met",
        name="The Metropolitan Museum of Art",
        base_url="https://collectionapi.metmuseum.org/public/collection/v1",
        image_hosts=("images.metmuseum.org",),
        search=met.search,
        pause_s=0.2,
        least_pause_s=1 / 80,  # documented
        terms="https://metmuseum.github.io/",
    ),
    Museum(
        key="cleveland",
        name="The Cleveland Museum of Art",
        base_url="https://openaccess-api.clevelandart.org/api",
        image_hosts=("openaccess-cdn.clevelandart.org",),
        search=cleveland.search,
        pause_s=0.5,
        least_pause_s=0.1,
        terms="https://www.clevelandart.org/open-access",
    ),
    Museum(
        key="aic",
        name="The Art Institute of Chicago",
        base_url="https://api.artic.edu/api/v1",
        image_hosts=("www.artic.edu",),
        search=aic.search,
        pause_s=1.0,
        least_pause_s=1.0,  # documented: 60 requests a minute, one a second when many are made
        terms="https://www.artic.edu/open-access",
    ),
    Museum(
        key="npm",
        name="The National Palace Museum, Taipei",
        base_url="https://openapi.npm.gov.tw/v1/rest",
        image_hosts=(".npm.gov.tw", ".npm.edu.tw"),
        search=npm.search,
        pause_s=1.0,
        least_pause_s=0.5,
        terms=npm.OGDL,
        key_header="apiKey",
        key_from="https://openapiweb.npm.gov.tw/",
        caution="its records carry no licence of their own; that of the open API as a whole is noted with "
        "each. Check the museum's terms before you publish",
    ),
)
MUSEUMS: Mapping[str, Museum] = {museum.key: museum for museum in _MUSEUMS}


def find_museum(key: str) -> Museum:
    """The museum called `key`; raises NotFoundError that names all."""
    try:
        return MUSEUMS[key]
    except KeyError:
        raise NotFoundError(f"no museum '{key}'; known: {', '.join(MUSEUMS)}", key) from None
