"""A name service on loopback, of one name whose addresses change under its clients."""

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_A, _FOUND = 1, b"\x81\x80"


class Name:
    """`addresses` are what the next question is answered with; `port` is the server's."""

    def __init__(self, port: int, addresses: Sequence[str]) -> None:
        self.port, self.addresses = port, list(addresses)
        self.questions = 0


@contextmanager
def dns_server(addresses: Sequence[str]) -> Iterator[Name]:
    """Every name has `addresses` (IPv4), until they change."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.2)
        name, ended = Name(server.getsockname()[1], addresses), threading.Event()
        thread = threading.Thread(target=_serve, args=(server, name, ended), daemon=True)
        thread.start()
        try:
            yield name
        finally:
            ended.set()
            thread.join()


def _serve(server: socket.socket, name: Name, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            question, peer = server.recvfrom(512)
        except TimeoutError:
            continue
        end = question.index(b"\0", 12) + 5  # after the name, its type and class
        (kind,) = struct.unpack(">H", question[end - 4 : end - 2])
        found = name.addresses if kind == _A else []
        name.questions += kind == _A
        answers = b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(address) for address in found)
        counts = struct.pack(">H", len(found)) + b"\0\0\0\0"
        server.sendto(question[:2] + _FOUND + b"\0\1" + counts + question[12:end] + answers, peer)
