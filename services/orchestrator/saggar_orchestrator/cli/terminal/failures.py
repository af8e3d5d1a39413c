"""Errors in words: what is wrong, where, and what to do about it."""

from __future__ import annotations

import errno
import sqlite3

from saggar.errors import AlreadyExistsError, InvalidInputError, NotFoundError, SaggarError, WrongStateError

_WRONG_INPUT = (InvalidInputError, NotFoundError, AlreadyExistsError, WrongStateError)

# What a user can do about what the operating system refuses.
_REMEDIES = {
    errno.EACCES: "change its permissions, or name a place that you may use (--home, or the option of the file)",
    errno.EPERM: "change its permissions, or name a place that you may use (--home, or the option of the file)",
    errno.EROFS: "it lies on a file system that is mounted read-only; name another place (--home)",
    errno.ENOSPC: "the disk is full; make room, or name a place on another disk (--home). `saggar doctor` shows both",
    errno.EDQUOT: "your quota on this disk is used up; make room, or name another place (--home)",
    errno.EIO: "the disk or the network share failed; check it, and copy the home to another one",
    errno.ESTALE: "the network share was mounted anew meanwhile; run the command again",
    errno.ENOENT: "check the path",
    errno.EISDIR: "it is a folder; name a file",
    errno.ENOTDIR: "a file lies where a folder is needed; move it, or name another place",
    errno.EEXIST: "something lies there already; move it, or name another place",
    errno.ENAMETOOLONG: "shorten the name",
    errno.EMFILE: "too many files are open; raise the limit (`ulimit -n 4096`)",
    errno.ENFILE: "the machine has too many open files; stop other programs",
    errno.ENOMEM: "there is not enough memory; stop other programs, or work on a smaller part",
    errno.EADDRINUSE: "another program listens there; `saggar up --port-base 0` takes ports that are free",
}


def explain(error: Exception) -> tuple[str, bool]:
    """The error for people, and whether wrong input was its cause."""
    if isinstance(error, SaggarError):
        return str(error), isinstance(error, _WRONG_INPUT)
    if isinstance(error, MemoryError):
        return _REMEDIES[errno.ENOMEM], False
    if (damaged := _of_database(error)) is not None:
        return damaged, False
    if isinstance(error, OSError) and error.errno is not None:
        return _of_system(error), error.errno in {errno.ENOENT, errno.EISDIR, errno.ENOTDIR}
    return f"{type(error).__name__}: {error}. This looks like a bug; `saggar --debug ...` shows where.", False


def _of_system(error: OSError) -> str:
    files = [str(name) for name in (error.filename, error.filename2) if name is not None]
    where = f"{' -> '.join(files)}: " if files else ""
    said = (error.strerror or str(error)).strip()
    remedy = _REMEDIES.get(error.errno or 0, "the operating system refused it; `saggar doctor` checks the usual causes")
    return f"{where}{said[:1].lower()}{said[1:]}; {remedy}"


def _of_database(error: Exception) -> str | None:
    """The workflow database, through SQLAlchemy or not; None for other errors."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, sqlite3.Error):
        cause = getattr(cause, "orig", None) or cause.__cause__
    if cause is None:
        return None
    text = str(cause)
    if "locked" in text or "busy" in text:
        return f"the workflow database is in use by another program ({text}); wait, or stop that one"
    if "readonly" in text or "unable to open" in text:
        return f"the workflow database cannot be written ({text}); check the home's permissions and free space"
    return (
        f"the workflow database (workflows.sqlite in the home) is damaged, or is no database ({text}); restore it, or "
        "move it away: finished experiments and steps are in the store and stay"
    )
