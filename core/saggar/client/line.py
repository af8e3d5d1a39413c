"""Photographs on their way through a stream that may break: none is lost, none is answered twice."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

from saggar.errors import InvalidInputError, NotFoundError, SaggarError, UnavailableError
from saggar.files.regular import read_regular

Image = bytes | bytearray | memoryview | str | Path  # encoded, or where the file is

LARGEST_BYTES = 16 << 20  # of a photograph; the classifier takes no larger one


def read_image(image: Image) -> bytes:
    """Its bytes; NotFoundError or InvalidInputError for what cannot be read, or is too large to be sent."""
    if isinstance(image, bytes | bytearray | memoryview):
        data = bytes(image)
        _check_size(len(data), "the image")
        return data
    if not isinstance(image, str | Path):
        raise InvalidInputError(f"a photograph is bytes or the path of a file, no {type(image).__name__}")
    try:
        _check_size(Path(image).stat().st_size, str(image))
        return read_regular(Path(image), LARGEST_BYTES)
    except FileNotFoundError:
        raise NotFoundError(f"{image}: no such file; check the path", str(image)) from None
    except (OSError, ValueError) as error:  # a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise InvalidInputError(f"{image}: cannot be read ({reason}); give a photograph") from None


def _check_size(size: int, name: str) -> None:
    if size > LARGEST_BYTES:
        most = LARGEST_BYTES >> 20
        raise InvalidInputError(f"{name} has {size / 2**20:.1f} MiB; at most {most} MiB are taken: reduce it first")


class Line:
    """Numbered photographs, read when they are sent, and kept until they are answered; at most `ahead` of them."""

    def __init__(self, images: Iterable[Image], ahead: int = 64) -> None:
        self._source = iter(images)
        self._ahead = ahead
        self._next = 0
        self._waiting: dict[int, bytes] = {}
        self._unreadable: dict[int, SaggarError] = {}
        self._stream = 0  # the thread of one that broke may still be reading
        self._reading = False
        self._ended = False
        self._failure: BaseException | None = None  # the source's own
        self._changed = threading.Condition()

    def begin(self) -> int:
        """A stream begins, and those before it get no more photographs; its number, for `after`."""
        with self._changed:
            self._stream += 1
            self._changed.notify_all()
            return self._stream

    def after(self, number: int, stream: int) -> tuple[int, bytes] | None:
        """The photograph to send after `number`: one that waits, or else a new one; None at the end.

        Waits as long as `ahead` photographs are not answered. Nobody waits for the source but who reads from it.
        """
        while True:
            with self._changed:
                if stream != self._stream:
                    return None
                following = min((each for each in self._waiting if each > number), default=None)
                if following is not None:
                    return following, self._waiting[following]
                if self._ended:
                    return None
                if self._reading or len(self._waiting) >= self._ahead:
                    self._changed.wait()
                    continue
                self._reading = True
            self._read()

    def _read(self) -> None:
        """Takes one more photograph from the source."""
        found: bytes | SaggarError | None = None
        failure = None
        try:
            image = next(self._source)
        except StopIteration:
            pass
        except BaseException as error:  # noqa: BLE001 whoever takes the answers gets it
            failure = error
        else:
            try:
                found = read_image(image)
            except SaggarError as error:
                found = error
        with self._changed:
            if isinstance(found, bytes):
                self._waiting[self._next] = found
            elif found is not None:
                self._unreadable[self._next] = found
            self._next += 1
            self._failure, self._ended, self._reading = failure, found is None, False
            self._changed.notify_all()

    def answered(self, number: int) -> bytes:
        """Its bytes, which are not kept any longer."""
        with self._changed:
            self._changed.notify_all()
            return self._waiting.pop(number)

    def check_all_answered(self) -> None:
        """UnavailableError where photographs wait for their answers."""
        if self._waiting:
            raise UnavailableError("the classifier ended the stream before it had answered; try again")

    def check_source(self) -> None:
        """Raises what the source raised in place of a photograph."""
        if self._failure is not None:
            raise self._failure

    def unreadable_before(self, number: int | None) -> list[SaggarError]:
        """Errors of files before `number` (None: of all) that were not asked for yet, in their order."""
        with self._changed:
            due = sorted(each for each in self._unreadable if number is None or each < number)
            return [self._unreadable.pop(each) for each in due]
