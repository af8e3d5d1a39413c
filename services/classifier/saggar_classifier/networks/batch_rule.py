"""When photographs of several callers are run in one batch, and how many: a rule of times alone.

A run of n photographs takes a + b n seconds; on a GPU a is most of it. Who runs at once pays a for every photograph;
who waits for one more saves a, and makes those that wait wait. So the rule waits while the next photograph is expected
sooner than a / n, and never past a deadline: a single caller is never made to wait, and a crowd runs together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LONGEST_WAIT_S = 0.01  # for others, whatever the rule says
_WEIGHT = 0.1  # of the latest arrival in the mean gap
_FADE = 0.9  # of a run's weight with every later one
_MARGIN = 1.2  # a run may take so many times what is expected of it


@dataclass(frozen=True)
class Waiting:
    """`count` photographs of one caller; times are of one clock. `deadline` None: the caller has all the time."""

    arrived: float
    count: int = 1
    deadline: float | None = None


@dataclass(frozen=True)
class Choice:
    """Which of those that wait run now, and which can no longer be answered in time; positions in the line."""

    taken: tuple[int, ...]
    late: tuple[int, ...]


class RunTimes:
    """Seconds that a run of n photographs takes, as a + b n, from the runs that were: least squares, old ones fade."""

    def __init__(self) -> None:
        self._sums = (0.0, 0.0, 0.0, 0.0, 0.0)  # weights, n, n n, seconds, n seconds

    def note(self, count: int, seconds: float) -> None:
        latest = (1.0, count, count * count, seconds, count * seconds)
        self._sums = tuple(_FADE * old + new for old, new in zip(self._sums, latest, strict=True))  # type: ignore[assignment]

    @property
    def fixed_s(self) -> float:
        """a: what a run costs beside its photographs; 0 as long as runs were of one size, for nobody can tell."""
        return self._fit()[0]

    def expected_s(self, count: int) -> float:
        fixed, each = self._fit()
        return fixed + each * count

    def _fit(self) -> tuple[float, float]:
        weights, n, nn, seconds, n_seconds = self._sums
        if not weights:
            return 0.0, 0.0
        spread = weights * nn - n * n
        if spread <= 1e-9 * weights * nn:
            return 0.0, seconds / n
        each = max(0.0, (weights * n_seconds - n * seconds) / spread)
        fixed = (seconds - each * n) / weights
        return (fixed, each) if fixed > 0 else (0.0, n_seconds / nn)


class BatchRule:
    """The rule. Not safe to use from many threads: whoever keeps the line holds its lock."""

    def __init__(self, largest: int, longest_wait_s: float = LONGEST_WAIT_S) -> None:
        """`largest`: photographs in one run, a power of two."""
        self.largest = largest
        self.times = RunTimes()
        self._longest_wait_s = longest_wait_s
        self._gap_s: float | None = None  # between arrivals, in the mean
        self._latest: float | None = None

    def arrived(self, now: float) -> None:
        if self._latest is not None:
            gap = now - self._latest
            self._gap_s = gap if self._gap_s is None else self._gap_s + _WEIGHT * (gap - self._gap_s)
        self._latest = now

    def wait_s(self, now: float, line: Sequence[Waiting]) -> float:
        """How long to wait for another arrival before the first of `line` run; 0: not at all."""
        count = sum(each.count for each in line)
        if self._gap_s is None or self._latest is None or count >= self.largest:
            return 0.0
        worth_s = self.times.fixed_s / count
        if self._gap_s >= worth_s:
            return 0.0
        ends = [self._latest + worth_s, line[0].arrived + self._longest_wait_s]
        needed_s = _MARGIN * self.times.expected_s(padded(count + 1, self.largest))
        ends += [each.deadline - needed_s for each in line if each.deadline is not None]
        return max(0.0, min(ends) - now)

    def choose(self, now: float, line: Sequence[Waiting]) -> Choice:
        """The first of the line, as many as fit into one run that ends before the first deadline among them."""
        taken: list[int] = []
        late: list[int] = []
        count, first_deadline = 0, None
        for position, each in enumerate(line):
            alone_s = self.times.expected_s(padded(each.count, self.largest))
            if each.deadline is not None and now + alone_s > each.deadline:
                late.append(position)
                continue
            deadlines = [when for when in (first_deadline, each.deadline) if when is not None]
            due = min(deadlines, default=None)
            together = padded(count + each.count, self.largest)
            too_long = due is not None and now + _MARGIN * self.times.expected_s(together) > due
            if taken and (too_long or count + each.count > self.largest):
                break
            taken.append(position)
            count, first_deadline = count + each.count, due
        return Choice(tuple(taken), tuple(late))


def padded(count: int, largest: int) -> int:
    """The next power of two, up to `largest`: GPUs choose their kernels, TensorRT whole engines, for every new size."""
    return min(1 << max(0, count - 1).bit_length(), largest) if count < largest else count
