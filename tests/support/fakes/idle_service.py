"""A service that only says that it serves; `IDLE_SERVICE_BROKEN=1` makes it fail at start."""

import os
import sys

from saggar.rpc.serving.server import serve
from saggar.settings import ServiceSettings

if __name__ == "__main__":
    if os.environ.get("IDLE_SERVICE_BROKEN"):
        sys.exit("the model's file is not there")
    sys.exit(serve(lambda _server: (), ServiceSettings()))
