"""The status pages on a real port, over a real engine, with stand-ins for the worker services."""

import contextlib
import io
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from orchestrator_fakes import EXPERIMENT, SERVICES, serve_fakes
from PIL import Image
from saggar.pages.server import PagesServer
from saggar.store import DirectoryStore
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.status.app import create_app
from saggar_orchestrator.status.site import Entry, Site
from saggar_orchestrator.workflow.engine import Engine
from saggar_orchestrator.workflow.run import Resources
from visitor import Visitor

TOKENS = {"researcher": "secret-of-the-researcher"}
BASELINE = EXPERIMENT.replace("seeds: [0, 1]", "seeds: [0]").partition('  - name: "95:5"')[0]


class Bench:
    """Engine, stand-ins and pages; `other` pages are a second replica's."""

    def __init__(self, folder):
        self.folder, self.store = folder, DirectoryStore(folder / "store")
        self.fakes, self._peers_server = serve_fakes(self.store)
        self.peers = Peers(dict.fromkeys(SERVICES, self._peers_server.address), 20.0)
        self.resources = Resources(self.store, self.peers, folder / "collections", parallel_shards=2)
        self.engine = Engine(self.resources, f"sqlite:///{folder}/workflows.sqlite")
        self.engine.launch()
        self.entry = Entry(tokens=lambda: TOKENS, review_url="http://127.0.0.1:50056")
        self.server = self.serve()
        self.someone, self.researcher = Visitor(self.server.address), Visitor(self.server.address)
        self.researcher.sign_in(TOKENS["researcher"])

    def serve(self, **changes):
        site = Site(self.engine, self.resources, replace(self.entry, **changes))
        return PagesServer(create_app(site), "127.0.0.1:0", setting="SAGGAR_STATUS_LISTEN")

    @contextlib.contextmanager
    def pages(self, **changes):
        server = self.serve(**changes)
        try:
            yield Visitor(server.address)
        finally:
            server.stop()

    def start(self, text):
        """The id of what was started on the page."""
        answer, body = self.researcher.ask("POST", "/experiments", {"text": text})
        assert answer.status == 303, body
        return answer.getheader("location").rpartition("/")[2]

    def ended(self, identity):
        deadline = time.monotonic() + 240
        while (described := self.described(identity)).state == "running":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return described

    def described(self, identity):
        """Asked from a thread of its own: the engine answers none that has an event loop, as a browser's driver has."""
        with ThreadPoolExecutor(1) as apart:
            return apart.submit(self.engine.describe, identity).result()

    def stop(self):
        self.server.stop()
        self.engine.close()
        self._peers_server.stop()
        self.peers.close()


def photograph(colour=(200, 20, 20)):
    data = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(data, "PNG")
    return data.getvalue()
