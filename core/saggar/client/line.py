"""Photographs on their way through a stream that may break: none is lost, none is answered twice."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

from saggar.errors import InvalidInputError, NotFoundError, SaggarError, UnavailableError
from saggar.files.regular import read_regular

Image = bytes | str | Path  # encoded, or where the file is

_MOST_BYTES = 1 << 30  # of a file; the service says what it takes, which is less


def read_image(image: Image) -> bytes:
    """Its bytes; NotFoundError or InvalidInputError for a file that cannot be read."""
    if isinstance(image, bytes):
        return image
    try:
        return read_regular(Path(image), _MOST_BYTES)
    except FileNotFoundError:
        raise NotFoundError(f"{image}: no such file; check the path", str(image)) from None
    except OSError as error:
        raise InvalidInputError(f"{image}: cannot be read ({error.strerror}); give a photograph") from None


class Line:
    """Numbered photographs, read when they are sent, and kept until they are answered; at most `ahead` of them."""

    def __init__(self, images: Iterable[Image], ahead: int = 64) -> None:
        self._source = iter(images)
        self._ahead = ahead
        self._next = 0
        self._waiting: dict[int, bytes] = {}
        self._unreadable: dict[int, SaggarError] = {}
        self._stream = 0  # the thread of one that broke may still be reading
        self._changed = threading.Condition()

    def begin(self) -> int:
        """A stream begins, and those before it get no more photographs; its number, for `after`."""
        with self._changed:
            self._stream += 1
            self._changed.notify_all()
            return self._stream

    def after(self, number: int, stream: int) -> tuple[int, bytes] | None:
        """The photograph to send after `number`: one that waits, or else a new one; None at the end.

        Waits as long as `ahead` photographs are not answered.
        """
        with self._changed:
            while stream == self._stream:
                following = min((each for each in self._waiting if each > number), default=None)
                if following is not None:
                    return following, self._waiting[following]
                if len(self._waiting) >= self._ahead:
                    self._changed.wait()
                    continue
                try:
                    image = next(self._source)
                except StopIteration:
                    return None
                number = self._next
                self._next += 1
                try:
                    self._waiting[number] = read_image(image)
                except SaggarError as error:
                    self._unreadable[number] = error
                else:
                    return number, self._waiting[number]
            return None

    def answered(self, number: int) -> bytes:
        """Its bytes, which are not kept any longer."""
        with self._changed:
            self._changed.notify_all()
            return self._waiting.pop(number)

    def check_all_answered(self) -> None:
        """UnavailableError where photographs wait for their answers."""
        if self._waiting:
            raise UnavailableError("the classifier ended the stream before it had answered; try again")

    def unreadable_before(self, number: int | None) -> list[SaggarError]:
        """Errors of files before `number` (None: of all) that were not asked for yet, in their order."""
        with self._changed:
            due = sorted(each for each in self._unreadable if number is None or each < number)
            return [self._unreadable.pop(each) for each in due]
