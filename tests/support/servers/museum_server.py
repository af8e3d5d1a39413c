"""A local server that speaks the documented shapes of the museums' services, and misbehaves on demand.

The objects are made up; field names and nesting are those of the services' documentation.
"""

import csv
import json
import threading
from collections import defaultdict
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from hostile_files import encoded, picture


class MuseumServer:
    """Answers by path; `faults[path]` holds answers to give first, one each: functions of the handler."""

    def __init__(self):
        self.faults = defaultdict(list)
        self.requests = []  # (path with query, headers)
        self.objects = {}  # answers by path below /
        self.images = {}  # bytes by path
        self.release = threading.Event()  # ends a slow answer
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def asked(self, part):
        return [path for path, _ in self.requests if part in path]

    def _handler(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet

            def do_GET(self):
                outer.requests.append((self.path, dict(self.headers)))
                path = urlsplit(self.path).path
                if outer.faults[path]:
                    outer.faults[path].pop(0)(self)
                elif path in outer.images:
                    self.answer(outer.images[path], "image/jpeg")
                elif path in outer.objects:
                    found = outer.objects[path]
                    query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                    self.answer(json.dumps(found(query) if callable(found) else found).encode())
                else:
                    self.answer(b'{"message": "ObjectID not found"}', status=404)

            def answer(self, body, kind="application/json", status=200, headers=()):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        return Handler


@contextmanager
def museum_server():
    server = MuseumServer()
    thread = threading.Thread(target=server._server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server._server.shutdown()
        server._server.server_close()
        thread.join()


def catalogue(folder):
    """The rows of a fetched folder's table."""
    with (folder / "catalogue.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


# Faults ----------------------------------------------------------------------------------------------------


def status(code, **headers):
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return lambda handler: handler.answer(b"not now", "text/plain", code, pairs)


def forbidden(page, kind="text/html", **headers):
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return lambda handler: handler.answer(page, kind, 403, pairs)


def redirect(target):
    return lambda handler: handler.answer(b"", "text/plain", 302, [("Location", target)])


def body(data, kind):
    return lambda handler: handler.answer(data, kind)


def cut_off(data, kind="image/jpeg"):
    """Half of what was announced, then the connection closes."""

    def fault(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[: len(data) // 2])
        handler.close_connection = True

    return fault


def silent(server):
    """No answer until the test is over."""

    def fault(handler):
        server.release.wait(10)
        handler.close_connection = True

    return fault


# Objects ---------------------------------------------------------------------------------------------------


def photograph(seed):
    return encoded(picture(seed), "JPEG")


def met(server, count=3, **changes):
    """`count` bowls; `changes` are of the last one."""
    numbers = [45000 + i for i in range(count)]
    server.objects["/met/search"] = {"total": count, "objectIDs": numbers or None}
    for number in numbers:
        server.images[f"/images/{number}.jpg"] = photograph(number)
        server.objects[f"/met/objects/{number}"] = {
            "objectID": number,
            "accessionNumber": f"29.100.{number}",
            "isPublicDomain": True,
            "primaryImage": f"{server.url}/images/{number}-original.jpg",
            "primaryImageSmall": f"{server.url}/images/{number}.jpg",
            "additionalImages": [],
            "department": "Asian Art",
            "objectName": "Bowl",
            "title": "Bowl with Peonies",
            "culture": "China",
            "period": "Northern Song dynasty (960–1127)",
            "dynasty": "",
            "reign": "",
            "objectDate": "11th–12th century",
            "objectBeginDate": 1000,
            "objectEndDate": 1127,
            "medium": "Stoneware with carved decoration under celadon glaze (Yaozhou ware)",
            "dimensions": "H. 3 in. (7.6 cm)",
            "creditLine": "Gift of a Friend, 1929",
            "geographyType": "Made in",
            "country": "China",
            "region": "Shaanxi",
            "classification": "Ceramics",
            "objectURL": f"https://www.metmuseum.org/art/collection/search/{number}",
        }
    if changes:
        server.objects[f"/met/objects/{numbers[-1]}"] |= changes
    return numbers


def cleveland(server, count=3, **changes):
    records = []
    for i in range(count):
        name = f"/images/1950.{i}_web.jpg"
        server.images[name] = photograph(100 + i)
        records.append(
            {
                "id": 130000 + i,
                "accession_number": f"1950.{i}",
                "share_license_status": "CC0",
                "tombstone": "Ewer, 1127–1279. China. Porcelain.",
                "title": "Ewer",
                "title_in_original_language": "執壺",
                "creation_date": "1127–1279",
                "creation_date_earliest": 1127,
                "creation_date_latest": 1279,
                "culture": ["China, Southern Song dynasty (1127-1279)"],
                "technique": "Porcelain with qingbai glaze",
                "support_materials": [],
                "type": "Ceramic",
                "description": "An <em>ewer</em> &amp; its basin.",
                "find_spot": None,
                "creditline": "Bequest of Somebody",
                "url": f"https://clevelandart.org/art/1950.{i}",
                "images": {
                    "web": {"url": server.url + name, "width": "900", "height": "893", "filesize": "9"},
                    "print": {"url": f"{server.url}{name}-print", "width": "3400", "height": "3373"},
                    "full": {"url": f"{server.url}{name}-full", "width": "6060", "height": "6012"},
                },
            }
        )
    if changes:
        records[-1] |= changes

    def page(query):
        start = int(query["skip"])
        return {
            "info": {"total": len(records), "parameters": query},
            "data": records[start : start + int(query["limit"])],
        }

    server.objects["/cleveland/artworks/"] = page
    return [record["id"] for record in records]


def aic(server, count=3, **changes):
    records = []
    for i in range(count):
        image_id = f"2d484387-2509-5e8e-2c43-22f9981972e{i}"
        for size in ("843,", "!400,400", "full"):
            server.images[f"/iiif/2/{image_id}/full/{size}/0/default.jpg"] = photograph(200 + i)
        records.append(
            {
                "_score": 90.1,
                "id": 24600 + i,
                "title": "Vase",
                "main_reference_number": f"1924.{i}",
                "is_public_domain": True,
                "image_id": image_id,
                "thumbnail": {"lqip": "data:", "width": 3000, "height": 4000, "alt_text": "A vase."},
                "date_display": "Yuan dynasty (1279–1368)",
                "date_start": 1279,
                "date_end": 1368,
                "artist_display": "China",
                "place_of_origin": "China",
                "style_title": None,
                "medium_display": "Glazed stoneware, Jun ware",
                "artwork_type_title": "Vessel",
                "classification_title": "ceramics",
                "description": "<p>A vase with a lavender-blue glaze.</p>",
                "credit_line": "Gift of Someone",
            }
        )
    if changes:
        records[-1] |= changes

    def page(query):
        limit = int(query["limit"])
        start = (int(query["page"]) - 1) * limit
        return {
            "pagination": {
                "total": len(records),
                "limit": limit,
                "offset": start,
                "total_pages": -(-len(records) // limit),
                "current_page": int(query["page"]),
            },
            "data": records[start : start + limit],
            "info": {"license_text": "CC0 except description", "version": "1.13"},
            "config": {"iiif_url": f"{server.url}/iiif/2", "website_url": "https://www.artic.edu"},
        }

    server.objects["/aic/artworks/search"] = page
    return [record["id"] for record in records]


def npm(server, count=3):
    listed = []
    for i in range(count):
        number = f"0400{i:04}"
        record = {
            "Serial_No": number,
            "ArticleSubject": "定窯白瓷盤" if i % 2 == 0 else "秉燭夜遊",
            "CateGory": "陶瓷" if i % 2 == 0 else "繪畫",
            "Slogan": "宋",
            "art_room": "",
        }
        listed.append(record)
        server.images[f"/images/{number}.jpg"] = photograph(300 + i)
        server.objects[f"/npm/collection/search/{number}"] = {
            "status": 200,
            "result": [
                record
                | {
                    "ArticleMaker": "",
                    "ArticleContext": "白瓷劃花盤。",
                    "ArticleRemarks": "口徑 20 公分",
                    "imgUrl": f"{server.url}/images/{number}.jpg",
                }
            ],
            "error": None,
        }

    def page(query):
        start = int(query["offset"])
        return {"status": 200, "result": listed[start : start + int(query["limit"])], "error": None}

    server.objects["/npm/collection/search/"] = page
    return [record["Serial_No"] for record in listed]
