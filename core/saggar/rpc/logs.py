"""Logging of a process: plain lines or JSON lines, on standard error."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys

from saggar.rpc import request_ids


def configure_logs(level: str = "info", as_json: bool = False) -> None:
    """Sends all log records of at least `level` (debug, info, warning, error) to standard error. Call it
    once, at start.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if as_json else _PlainLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for chatty in ("urllib3", "PIL", "matplotlib", "filelock", "fsspec", "asyncio"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.root.level))


class _PlainLines(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        line, identity = super().format(record), request_ids.current()
        return f"{line} [{identity}]" if identity else line


class _JsonLines(logging.Formatter):
    """One object a record: time (RFC 3339, UTC), level, logger, message, and where there are such things the request_id
    of the call in hand, and error with its traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if identity := request_ids.current():
            line["request_id"] = identity
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
