"""Logging of a process: plain lines or JSON lines, on standard error."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys


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


class _JsonLines(logging.Formatter):
    """One object a record: time (RFC 3339, UTC), level, logger, message, and error with its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
