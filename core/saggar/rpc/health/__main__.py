"""Whether the service of this machine or container serves: `python -m saggar.rpc.health [--live] [HOST:PORT]`.

Exit code 0 where it does, 1 where not, with the reason on standard error. Address, certificates and keys are those of
the environment that the service itself reads; `--live` asks only whether it has started. For containers' health checks.
"""

from __future__ import annotations

import argparse
import sys

from saggar.errors import SaggarError
from saggar.rpc.channel import client_tls, wait_ready
from saggar.rpc.readiness import LIVE
from saggar.settings import ServiceSettings, read_settings

_TIMEOUT_S = 5.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", nargs="?", help="host:port; default: the port of SAGGAR_LISTEN on this machine")
    parser.add_argument("--live", action="store_true", help="ask only whether it has started")
    asked = parser.parse_args()
    try:
        settings = read_settings(ServiceSettings, "", [])
        address = asked.address or f"127.0.0.1:{settings.listen.rpartition(':')[2]}"
        wait_ready(address, _TIMEOUT_S, tls=client_tls(settings), service=LIVE if asked.live else "", patient=False)
    except SaggarError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
