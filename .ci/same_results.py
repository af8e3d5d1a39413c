"""Whether an experiment found the same at two places: results.json but for times, and for what names the place.

python same_results.py RESULTS RESULTS    prints each value that differs

Bundles are left out, and ids of steps that read bundles: their arrays were packed into other bytes in containers, equal
as they were by value. Ids of the other steps are compared: they follow from every image, adapter and data set.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OF_THE_RUN = {"seconds", "created_at", "reused"}
OF_THE_PLACE = {"machine", "bundle", "model_id", "extractor"}
ON_BUNDLES = re.compile(r"train .*, seed \d+|evaluate |find what |screen |top up ")


def main(first: Path, second: Path) -> int:
    one, other = (dict(lasting("", json.loads(path.read_text(encoding="utf-8")))) for path in (first, second))
    places = sorted(one.keys() | other.keys())
    differing = [place for place in places if one.get(place) != other.get(place)]
    for place in differing:
        print(f"{place}: {one.get(place)} and {other.get(place)}")
    print(f"{len(places)} values compared, {len(differing)} differ")
    return 1 if differing else 0


def lasting(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every number and word in `value` that should be equal everywhere, by its place."""
    if isinstance(value, dict):
        left_out = OF_THE_RUN | OF_THE_PLACE | ({"step_id"} if ON_BUNDLES.match(value.get("title") or "") else set())
        for key in value.keys() - left_out:
            yield from lasting(f"{place}/{key}", value[key])
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from lasting(f"{place}/{number}", item)
    else:
        yield place, value


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
