"""Orchestrators of one database: who is dead, and that nobody does what another is at."""

import threading
import time

import pytest
import sqlalchemy as sa
from dbos._utils import retriable_sqlite_exception
from saggar.errors import UnavailableError
from saggar_orchestrator.workflow.database.connecting import connect
from saggar_orchestrator.workflow.database.fleet import LOOKS, Fleet


class GaveUpError(Exception):
    """What a waiting one raises."""


def give_up(_seconds):
    raise GaveUpError


@pytest.fixture
def fleets(tmp_path):
    made = []

    def of(name, version="1"):
        fleet = Fleet(f"sqlite:///{tmp_path}/workflows.sqlite", name, version)
        fleet.join()
        made.append(fleet)
        return fleet

    yield of
    for fleet in made:
        fleet.leave()


def test_one_that_stands_still_for_so_many_looks_is_dead_and_one_that_never_was_too(fleets):
    one, other = fleets("one"), fleets("other")
    assert one.dead({"one", "other", "former"}) == {"former"}
    for _ in range(LOOKS):
        one.beat()
    assert one.dead({"other"}) == set()
    one.beat()
    assert one.dead({"other"}) == {"other"}
    other.beat()  # it slept, and is back
    one.beat()
    assert one.dead({"other"}) == set()


def test_one_that_moves_lives_however_slowly(fleets):
    one, other = fleets("one"), fleets("other")
    for _ in range(3):
        for _ in range(LOOKS):
            one.beat()
        other.beat()
        one.beat()
        assert one.dead({"other"}) == set()


def test_one_that_leaves_is_gone_at_once_with_what_it_held(fleets):
    one, other = fleets("one"), fleets("other")
    with other.alone("step/a", give_up):
        other.leave()
        assert one.dead({"other"}) == {"other"}
        with one.alone("step/a", give_up):
            pass


def test_nobody_does_what_another_is_at(fleets):
    one, other = fleets("one"), fleets("other")
    told = []
    with one.alone("step/a", give_up):
        assert not other.is_free("step/a")
        assert other.is_free("step/b")
        with pytest.raises(GaveUpError), other.alone("step/a", give_up, lambda: told.append("waits")):
            raise AssertionError("both are in it")
        with pytest.raises(GaveUpError), one.alone("step/a", give_up):
            raise AssertionError("twice in one process")
        with other.alone("step/b", give_up):
            pass
    assert told == ["waits"]
    with other.alone("step/a", give_up):
        pass


def test_one_waits_until_the_other_has_let_go(fleets):
    one, other = fleets("one"), fleets("other")
    order = []
    inside = threading.Event()

    def first():
        with one.alone("step/a", give_up):
            order.append("first")
            inside.set()
            time.sleep(0.2)
            order.append("first has ended")

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait(10)
    with other.alone("step/a", lambda _: time.sleep(0.02)):
        order.append("second")
    thread.join()
    assert order == ["first", "first has ended", "second"]


def test_what_the_dead_held_is_free(fleets):
    one, other = fleets("one"), fleets("other")
    held = other.alone("step/a", give_up)
    held.__enter__()
    assert not one.is_free("step/a")
    for _ in range(LOOKS + 1):
        one.beat()
    assert one.is_free("step/a")
    with one.alone("step/a", give_up):
        pass


def test_what_it_held_before_it_was_killed_is_free_at_its_next_start(fleets):
    before = fleets("one")
    before.alone("step/a", give_up).__enter__()
    again = fleets("one")
    with again.alone("step/a", give_up):
        pass


def test_versions_are_those_of_the_living(fleets):
    one, _ = fleets("one", "1"), fleets("other", "2")
    assert one.versions() == {"1", "2"}
    for _ in range(LOOKS + 1):
        one.beat()
    assert one.versions() == {"1"}


def test_what_is_begun_during_a_sign_of_life_stays_held(fleets, monkeypatch):
    one, other = fleets("one"), fleets("other")
    read, begun = one._read, []

    def begin_at_first(question):
        if not begun:
            begun.append(one.alone("step/a", give_up))
            begun[0].__enter__()
        return read(question)

    monkeypatch.setattr(one, "_read", begin_at_first)
    one.beat()
    assert not other.is_free("step/a")
    with pytest.raises(GaveUpError), other.alone("step/a", give_up):
        pytest.fail("done twice at once")
    begun[0].__exit__(None, None, None)
    assert other.is_free("step/a")


def test_what_the_database_did_not_learn_of_is_free_after_a_sign_of_life(fleets):
    one, other = fleets("one"), fleets("other")
    with one.alone("step/a", give_up), other.alone("step/b", give_up):
        one._held.clear()  # as where it could not be told that the block has ended
        one.beat()
        assert other.is_free("step/a")
        assert not one.is_free("step/b")


def test_a_full_disk_is_told_and_is_what_dbos_waits_for(tmp_path):
    database = connect(f"sqlite:///{tmp_path}/full.sqlite")
    sa.event.listen(database, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 4"))
    with database.begin() as connection:
        connection.execute(sa.text("create table one (text text)"))
    with pytest.raises(sa.exc.OperationalError, match="its disk is full") as raised, database.begin() as connection:
        connection.execute(sa.text("insert into one values (:text)"), {"text": "y" * 100_000})
    assert retriable_sqlite_exception(raised.value)  # otherwise it breaks a workflow off, and cannot write that down
    database.dispose()


def test_a_database_that_takes_nothing_is_told_before_a_workflow_waits_for_it(fleets):
    fleet = fleets("one")
    fleet.need_writable()
    sa.event.listen(fleet._engine, "checkout", lambda connection, *_: connection.execute("PRAGMA query_only = 1"))
    with pytest.raises(UnavailableError, match=r"takes nothing now .* and try again"):
        fleet.need_writable()
    sa.event.listen(fleet._engine, "checkout", lambda connection, *_: connection.execute("PRAGMA query_only = 0"))
