"""Experiments come to the same, whatever happens to services, store, database, disks and clocks on the way.

Here one disturbance of each way of doing harm has one moment, in turn; `python bench/services/faults.py` tries all
at all moments. Services that are killed are in `test_killed_at_random.py`, and two orchestrators in their own file.
"""

import pytest
from disturbances import DISTURBANCES
from disturbed import MOMENTS, disturbed, undisturbed

TRIED = (
    "all workers paused (SIGSTOP)",
    "workers cut off, connections broken",
    "store full",
    "store gives corrupt bytes",
    "database locked",
    "clock two hours ahead, and back",
    "disk of the home full",
)
BY_TITLE = {disturbance.title: disturbance for disturbance in DISTURBANCES}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return undisturbed(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize(("number", "title"), list(enumerate(TRIED)), ids=TRIED)
def test_nothing_is_lost_or_doubled_and_results_are_equal(number, title, expected, tmp_path):
    disturbance = BY_TITLE[title]
    if lacking := disturbance.lacking():
        pytest.skip(f"needs {lacking}")
    moment = MOMENTS[number % len(MOMENTS)]
    found = disturbed(tmp_path, disturbance, (moment,))[moment.title]
    assert found.images == expected[moment.title].images
    assert found.results == expected[moment.title].results
    assert found.tracebacks == 0
