"""Who looks at pages over HTTP, without a browser."""

import contextlib
import http.client
from urllib.parse import urlencode


class Visitor:
    """A browser's part: cookies and requests."""

    def __init__(self, address):
        self.address, self.cookie = address, ""

    def ask(self, method, path, form=None, **headers):
        if form is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
        return self.send(method, path, urlencode(form) if form is not None else None, headers)

    def send(self, method, path, body, headers):
        with contextlib.closing(http.client.HTTPConnection(self.address, timeout=120)) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
                connection.request(method, path, body, headers | {"cookie": self.cookie})
            answer = connection.getresponse()
            return answer, answer.read().decode("utf-8", "replace")

    def sign_in(self, secret):
        answer, body = self.ask("POST", "/signin", {"token": secret})
        if answer.status == 303:
            self.cookie = answer.getheader("set-cookie").split(";")[0]
        return answer, body


def upload(visitor, data, path="/try", field="photograph", **headers):
    """Sends a file as a form does."""
    edge = "edge-of-the-parts"
    head = f'--{edge}\r\ncontent-disposition: form-data; name="{field}"; filename="bowl.png"\r\n\r\n'
    body = head.encode() + data + f"\r\n--{edge}--\r\n".encode()
    return visitor.send("POST", path, body, headers | {"content-type": f"multipart/form-data; boundary={edge}"})
