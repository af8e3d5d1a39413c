"""Answer times of the review pages at 10,000 images. Prints JSON; run it with `make bench`.

One reviewer's browser over loopback, at the beginning of a review and when most of it is done. "page" is a
whole page, "verdict" a verdict and the next image's part of the page, as the script asks for it.
"""

import http.client
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support" / "pages"))

from review_site import TOKENS, open_review
from saggar.pages.server import PagesServer
from saggar.store import DirectoryStore
from saggar_qc.pages.app import create_app
from saggar_qc.review.journal import Desk, Desks
from saggar_qc.review.verdicts import Verdict

ITEMS, ROUNDS = 10_000, 200
_FORM = "application/x-www-form-urlencoded"
JUDGED = urlencode({"plausible": "yes", "coherent": "yes", "is_glaze": "right", "seconds": "1"})


def main() -> None:
    """Measure before and after most items were judged, and how long a new process takes to read the log."""
    with tempfile.TemporaryDirectory() as folder:
        store = DirectoryStore(Path(folder))
        review = open_review(store, ITEMS, double_share=0.1)
        desk = Desk(store, review)
        _measure(store, review.review_id, "at the beginning")
        for _ in range(ITEMS - 1000):
            item = desk.take("bo")
            if item is None:
                break
            desk.judge("bo", item.item_id, Verdict())
        begun = time.perf_counter()
        Desk(store, review)
        events = sum(1 for _ in store.list(f"reviews/{review.review_id}/events/"))
        seconds = round(time.perf_counter() - begun, 2)
        print(json.dumps({"bench": "review", "events": events, "read_log_seconds": seconds}), flush=True)
        _measure(store, review.review_id, "near the end")


def _measure(store: DirectoryStore, review_id: str, when: str) -> None:
    server = PagesServer(create_app(Desks(store), lambda: TOKENS), "127.0.0.1:0", setting="SAGGAR_REVIEW_LISTEN")
    connection = http.client.HTTPConnection(server.address, timeout=60)
    connection.request("POST", "/signin", urlencode({"token": TOKENS["ana"]}), {"content-type": _FORM})
    signed_in = connection.getresponse()
    signed_in.read()
    cookie = str(signed_in.getheader("set-cookie")).split(";")[0]
    path, headers = f"/reviews/{review_id}", {"cookie": cookie}
    posting = headers | {"content-type": _FORM, "x-fragment": "1"}
    times: dict[str, list[float]] = {"page": [], "verdict": []}
    try:
        for _ in range(ROUNDS + 5):
            begun = time.perf_counter()
            connection.request("GET", path, headers=headers)
            body = connection.getresponse().read().decode()
            times["page"].append(time.perf_counter() - begun)
            item = body.partition('data-item="')[2].partition('"')[0]
            begun = time.perf_counter()
            connection.request("POST", f"{path}/items/{item}", JUDGED, posting)
            answer = connection.getresponse()
            answer.read()
            times["verdict"].append(time.perf_counter() - begun)
            if answer.status != 200:
                raise SystemExit(f"the pages answered {answer.status}")
    finally:
        connection.close()
        server.stop()
    for name, values in times.items():
        ms = sorted(1000 * value for value in values[5:])  # the first ones load templates and the log
        row = {"p50_ms": round(statistics.median(ms), 1), "p95_ms": round(ms[int(0.95 * len(ms))], 1)}
        print(json.dumps({"bench": "review", "items": ITEMS, "when": when, "answer": name, **row}), flush=True)


if __name__ == "__main__":
    main()
