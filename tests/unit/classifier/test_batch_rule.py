"""When photographs of several callers are run together: a rule of times, without a clock or a thread."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saggar_classifier.networks.batch_rule import BatchRule, RunTimes, Waiting, padded


def rule(fixed_s: float = 0.008, each_s: float = 0.001, gap_s: float = 0.001, largest: int = 32) -> BatchRule:
    """One that has seen runs of `fixed_s` + n `each_s`, and arrivals `gap_s` apart until 0."""
    made = BatchRule(largest)
    for count in (1, 2, 4, 8, 1, 4):
        made.times.note(count, fixed_s + each_s * count)
    for number in range(50, -1, -1):
        made.arrived(-number * gap_s)
    return made


@given(st.floats(1e-4, 1), st.floats(1e-4, 1), st.lists(st.integers(1, 32), min_size=2, max_size=20))
def test_what_runs_cost_is_learnt(fixed: float, each: float, counts: list[int]) -> None:
    times = RunTimes()
    for count in counts:
        times.note(count, fixed + each * count)
    if len(set(counts)) > 1:
        assert times.fixed_s == pytest.approx(fixed, rel=1e-3)
        assert times.expected_s(16) == pytest.approx(fixed + 16 * each, rel=1e-3)
    else:
        assert times.expected_s(counts[0]) == pytest.approx(fixed + each * counts[0])


def test_a_single_caller_never_waits() -> None:
    alone = rule(fixed_s=0.008, gap_s=0.02)
    assert alone.wait_s(0.0, [Waiting(0.0)]) == 0


def test_nobody_waits_where_a_batch_saves_nothing() -> None:
    assert rule(fixed_s=0.0, each_s=0.003).wait_s(0.0, [Waiting(0.0)]) == 0


def test_of_a_crowd_the_first_wait_for_others() -> None:
    crowd = rule(fixed_s=0.008, gap_s=0.001)
    assert crowd.wait_s(0.0, [Waiting(0.0)]) == pytest.approx(0.008)
    assert crowd.wait_s(0.0, [Waiting(0.0)] * 4) == pytest.approx(0.002)
    assert crowd.wait_s(0.0, [Waiting(0.0)] * 8) == 0
    assert crowd.wait_s(0.0021, [Waiting(0.0)] * 4) == 0  # the next one is late: it may never come


def test_a_full_run_waits_for_nobody() -> None:
    assert rule(largest=4, fixed_s=1.0).wait_s(0.0, [Waiting(0.0)] * 4) == 0


def test_no_wait_goes_past_a_deadline() -> None:
    crowd = rule(fixed_s=0.008, each_s=0.001, gap_s=0.001)
    needed = 1.2 * (0.008 + 0.001 * 2)
    assert crowd.wait_s(0.0, [Waiting(0.0, deadline=needed + 0.003)]) == pytest.approx(0.003)
    assert crowd.wait_s(0.0, [Waiting(0.0, deadline=needed)]) == pytest.approx(0)


def test_who_cannot_be_answered_in_time_is_refused_and_harms_nobody() -> None:
    chosen = rule().choose(0.0, [Waiting(-1, deadline=0.005), Waiting(0.0), Waiting(0.0, deadline=0.2)])
    assert chosen.late == (0,)
    assert chosen.taken == (1, 2)


def test_a_run_is_no_larger_than_the_first_deadline_allows() -> None:
    # 8 + 4 ms for four, padded; 8 + 8 ms for five to eight: more than the first one has
    line = [Waiting(0.0, deadline=0.016), *[Waiting(0.0)] * 7]
    assert rule().choose(0.0, line).taken == (0, 1, 2, 3)


@given(
    st.lists(st.tuples(st.integers(1, 8), st.none() | st.floats(0.001, 0.1)), min_size=1, max_size=40),
    st.sampled_from([8, 16, 32]),
)
def test_every_run_fits_and_makes_progress(line: list[tuple[int, float | None]], largest: int) -> None:
    waiting = [Waiting(0.0, count, deadline) for count, deadline in line]
    chosen = rule(largest=largest).choose(0.0, waiting)
    assert chosen.taken or len(chosen.late) == len(waiting)
    assert sum(waiting[at].count for at in chosen.taken) <= largest
    assert not set(chosen.taken) & set(chosen.late)


def test_sizes_of_runs_are_few() -> None:
    assert [padded(count, 32) for count in (1, 2, 3, 5, 9, 17, 32, 40)] == [1, 2, 4, 8, 16, 32, 32, 40]
