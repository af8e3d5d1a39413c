"""What happened is kept: every change of state and every epoch, in order, for whoever asks."""

import time

import pytest
from saggar_orchestrator.progress import Board
from saggar_orchestrator.workflow.database.connecting import connect, make_tables
from saggar_orchestrator.workflow.database.events import Events


@pytest.fixture
def events(tmp_path):
    url = f"sqlite:///{tmp_path}/workflows.sqlite"
    engine = connect(url)
    make_tables(engine)
    engine.dispose()
    made = Events(url)
    yield made
    made.close()


def told(events, experiment="e1"):
    return [(view.position, view.state, view.done) for view in events.read(experiment)[1]]


def test_states_and_epochs_are_kept_however_fast_they_follow_one_another(events):
    board = Board(("import", "train", "never"))
    keeping = events.keep("e1", board)
    board.update(0, state="running")
    board.update(0, state="succeeded", seconds=1.0)
    board.update(1, state="running")
    for epoch in range(1, 6):
        board.update(1, stage="training", done=epoch, total=5, unit="epochs", metrics=(("loss", 1 / epoch),))
    board.update(1, state="succeeded", seconds=2.5)
    board.close()
    keeping.join(10)
    assert told(events) == [
        (0, "running", 0),
        (0, "succeeded", 0),
        (1, "running", 0),
        *((1, "running", epoch) for epoch in range(1, 6)),
        (1, "succeeded", 5),
    ]
    last = events.read("e1")[1][-1]
    assert (last.title, last.metrics, last.seconds) == ("train", (("loss", 0.2),), 2.5)


def test_of_what_changes_faster_the_last_of_a_moment_is_kept(events):
    board = Board(("generate",))
    keeping = events.keep("e1", board)
    board.update(0, state="running")
    for done in range(2000):
        board.update(0, done=done, total=2000, unit="images")
    board.update(0, state="succeeded")
    board.close()
    keeping.join(10)
    found = told(events)
    assert len(found) < 20
    assert found[-1] == (0, "succeeded", 1999)


def test_a_sign_of_life_is_no_event(events):
    board = Board(("train",))
    keeping = events.keep("e1", board)
    board.update(0, state="running", stage="training", done=1, unit="epochs")
    time.sleep(0.8)
    board.update(0, seconds=9.0)
    time.sleep(0.8)
    board.close()
    keeping.join(10)
    assert len(told(events)) == 1


def test_a_further_attempt_goes_on_in_the_same_story_and_others_have_theirs(events):
    for state in ("failed", "succeeded"):
        board = Board(("train",))
        keeping = events.keep("e1", board)
        board.update(0, state=state)
        board.close()
        keeping.join(10)
    assert told(events) == [(0, "failed", 0), (0, "succeeded", 0)]
    assert told(events, "e2") == []
    number, _ = events.read("e1")
    assert events.read("e1", number) == (number, [])
    events.forget("e1")
    assert told(events) == []


def test_ten_thousand_events_are_read_in_less_than_a_second(events):
    board = Board(("train",))
    keeping = events.keep("e1", board)
    board.update(0, state="running", unit="epochs")
    for epoch in range(9_990):
        board.update(0, done=epoch + 1, unit="epochs")
    board.close()
    keeping.join(60)
    number, count, began = 0, 0, time.process_time()
    while True:
        number, found = events.read("e1", number)
        if not found:
            break
        count += len(found)
    assert count > 9_900
    assert time.process_time() - began < 1
