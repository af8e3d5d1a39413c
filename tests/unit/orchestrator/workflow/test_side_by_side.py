"""Stages side by side: who runs beside whom, in which order, and what is told when one fails."""

import threading
import time

import pytest
from orchestrator_fakes import EXPERIMENT
from saggar.errors import CancelledError, InvalidInputError, UnavailableError
from saggar.progress import Progress
from saggar.store import DirectoryStore
from saggar_orchestrator.experiment.file import parse_experiment
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.progress import Board, Cancellation
from saggar_orchestrator.workflow import run as running
from saggar_orchestrator.workflow.run import BrokenOff, Resources, Run, Specification, Stage
from saggar_orchestrator.workflow.stages.order import stages_of

KINDS = {"trainer": "train", "generator": "adapter", "orchestrator": "mix"}


def stage(key, service, work, needs=(), same=None):
    """Its result is its key's; `same`: of what its inputs are made instead of the key."""
    return Stage(
        key,
        KINDS[service],
        key,
        lambda _, done: {"of": same or key, "from": [done[need] for need in needs]},
        lambda shop, done, report: {"made": work(shop, report) or key},
        tuple(needs),
    )


class Attempt:
    """A run of invented stages; `events` are what they did, in time."""

    def __init__(self, folder, parallel_trainings=2):
        experiment, taxonomy = parse_experiment(EXPERIMENT, "small.yaml", folder)
        specification = Specification("small-1", experiment, taxonomy, {}, EXPERIMENT, "")
        resources = Resources(
            DirectoryStore(folder / "store"), Peers({}), folder, 1, parallel_trainings=parallel_trainings
        )
        self.events, self.reserved, self.remembered = [], 0, {}
        self.cancellation = Cancellation()
        self.board = Board(("",) * 20)
        self.run = Run(specification, resources, board=self.board, cancellation=self.cancellation, reserve=self.reserve)

    def reserve(self):
        number = self.reserved
        self.reserved += 1

        def durably(name, work):
            if number not in self.remembered:
                self.remembered[number] = (name, work())
            return self.remembered[number][1]

        return durably

    def quick(self, name):
        return lambda shop, report: self.events.append(name)

    def meeting(self, name, barrier):
        """Work that ends only when as many are under way as the barrier waits for."""

        def work(shop, report):
            self.events.append(name)
            barrier.wait(20)

        return work

    def held(self, name):
        def work(shop, report):
            self.events.append(name)
            shop.calls.cancellation.wait(20)
            raise AssertionError(f"{name} was not stopped")

        return work


@pytest.fixture
def attempt(tmp_path):
    return Attempt(tmp_path)


def test_trainings_run_beside_each_other_and_beside_the_generator(attempt):
    three = threading.Barrier(3)
    stages = (
        stage("a", "trainer", attempt.meeting("a", three)),
        stage("b", "trainer", attempt.meeting("b", three)),
        stage("c", "generator", attempt.meeting("c", three)),
        stage("d", "trainer", attempt.quick("d")),
        stage("e", "orchestrator", attempt.quick("e"), needs=("a", "d")),
    )
    found = attempt.run.take(stages)
    assert {key: result["made"] for key, result in found.items()} == {key: key for key in "abcde"}
    assert set(attempt.events[:3]) == {"a", "b", "c"}
    assert attempt.events[3:] == ["d", "e"]


def test_no_more_at_once_than_there_is_room_for_and_the_earlier_first(tmp_path):
    attempt = Attempt(tmp_path, parallel_trainings=2)
    under_way, most = 0, []
    lock = threading.Lock()

    def work(name):
        def train(shop, report):
            nonlocal under_way
            with lock:
                attempt.events.append(name)
                under_way += 1
                most.append(under_way)
            time.sleep(0.02)
            with lock:
                under_way -= 1

        return train

    names = [str(number) for number in range(8)]
    attempt.run.take(tuple(stage(name, "trainer", work(name)) for name in names))
    assert max(most) == 2
    assert sorted(attempt.events[:2]) == names[:2]
    assert sorted(attempt.events) == names


def test_records_stand_in_the_order_of_the_list_whatever_ends_first(attempt):
    second_is_done = threading.Event()
    seen = []
    stages = (
        stage("slow", "trainer", lambda shop, report: second_is_done.wait(20) and None),
        stage("fast", "trainer", lambda shop, report: second_is_done.set()),
        Stage(
            "results",
            "results",
            "results",
            lambda _, done: {"keys": list(done.results)},
            lambda _, done, __: seen.extend(record["title"] for record in done.records) or {},
            ("slow", "fast"),
        ),
    )
    attempt.run.take(stages)
    assert seen == ["slow", "fast"]
    assert [attempt.remembered[number][0].split()[0] for number in range(3)] == ["train", "train", "results"]


def test_of_equal_steps_the_first_does_the_work_and_the_second_finds_it(attempt):
    stages = (
        stage("first", "trainer", attempt.quick("first"), same="equal"),
        stage("second", "trainer", attempt.quick("second"), same="equal"),
    )
    found = attempt.run.take(stages)
    assert attempt.events == ["first"]
    assert found["second"] == found["first"]
    records = [attempt.remembered[number][1] for number in range(2)]
    assert [record["reused"] for record in records] == [False, True]


def test_a_failure_stops_the_others_begins_no_more_and_is_what_is_told(attempt):
    begun = threading.Event()

    def held(shop, report):
        begun.set()
        attempt.held("held")(shop, report)

    def failing(shop, report):
        begun.wait(20)
        raise InvalidInputError("no such weights")

    stages = (
        stage("held", "trainer", held),
        stage("failing", "trainer", failing),
        stage("never", "trainer", attempt.quick("never")),
    )
    with pytest.raises(InvalidInputError, match="no such weights"):
        attempt.run.take(stages)
    assert attempt.events == ["held"]
    views = attempt.board.snapshot()
    assert [view.state for view in views[:3]] == ["waiting", "failed", "waiting"]
    assert not attempt.remembered  # neither the failure in this stand-in, nor the one that was stopped


def test_cancelling_stops_all_that_run(attempt):
    both = threading.Barrier(3)

    def held(name):
        def work(shop, report):
            both.wait(20)
            attempt.held(name)(shop, report)

        return work

    threading.Thread(target=lambda: (both.wait(20), attempt.cancellation.cancel(by_somebody=True))).start()
    with pytest.raises(CancelledError, match="resume"):
        attempt.run.take((stage("a", "trainer", held("a")), stage("b", "trainer", held("b"))))


def test_a_stage_reads_nothing_that_it_did_not_name(attempt):
    sly = Stage("sly", "mix", "sly", lambda _, done: {"of": done["open"]}, lambda *_: {}, ())
    with pytest.raises(RuntimeError, match="stage sly reads open, which is not among its needs"):
        attempt.run.take((stage("open", "orchestrator", attempt.quick("open")), sly))


def test_progress_reaches_the_board_of_every_running_stage(attempt):
    two = threading.Barrier(2)

    def work(name):
        def train(shop, report):
            report(Progress("training", 1, 2, "epochs"))
            two.wait(20)
            states = [view.state for view in attempt.board.snapshot()[:2]]
            attempt.events.append((name, states))
            two.wait(20)

        return train

    attempt.run.take((stage("a", "trainer", work("a")), stage("b", "trainer", work("b"))))
    assert sorted(attempt.events) == [("a", ["running", "running"]), ("b", ["running", "running"])]


class Away:
    """Raises that the store is away for the first calls."""

    def __init__(self, times):
        self.left = times

    def __call__(self, *_):
        if self.left:
            self.left -= 1
            raise UnavailableError("the store does not answer")
        return {"made": "it"}


def test_a_store_that_is_away_for_a_moment_costs_a_wait(attempt, monkeypatch):
    monkeypatch.setattr(running, "_FIRST_WAIT_S", 0.01)
    inputs, work, reading = Away(2), Away(2), Away(2)
    monkeypatch.setattr(attempt.run._workshop.store, "exists", lambda key: bool(reading()) and False)
    found = attempt.run.take((Stage("mix", "mix", "mix", inputs, work),))
    assert found["mix"] == {"made": "it"}
    assert (inputs.left, work.left, reading.left) == (0, 0, 0)


def test_work_of_a_service_is_not_waited_for_twice(attempt, monkeypatch):
    monkeypatch.setattr(running, "_FIRST_WAIT_S", 0.01)
    work = Away(1)
    with pytest.raises(UnavailableError, match="does not answer"):
        attempt.run.take((Stage("train", "train", "train", lambda *_: {}, work),))


def test_waiting_for_the_store_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "_FIRST_WAIT_S", 0.01)
    attempt = Attempt(tmp_path)
    attempt.run._resources.peers.patience_s = 0.1
    with pytest.raises(UnavailableError, match="does not answer"):
        attempt.run.take((Stage("mix", "mix", "mix", Away(1000), Away(0)),))


def test_what_was_broken_off_is_no_outcome():
    assert not issubclass(BrokenOff, Exception)


ALL_KINDS = """\
name: all-kinds
taxonomy: kilnsim
data: {kilnsim: {count: 100}, folds: 2, withhold: 20}
augmentation: {below: 4, to: 6}
review: {policy: POLICY}
plan: {top_up_rounds: ROUNDS}
arms:
  - name: baseline
  - {name: "5 %", synthetic: {share: 0.05}}
  - {name: chosen, synthetic: {share: auto}}
  - {name: control, control: {of: "5 %"}}
  - {name: more, give_back: 10}
"""


@pytest.mark.parametrize(("policy", "rounds"), [("none", 0), ("none", 2), ("sample", 2), ("all", 0), ("all", 2)])
def test_what_a_stage_needs_comes_before_it(policy, rounds, tmp_path):
    text = ALL_KINDS.replace("POLICY", policy).replace("ROUNDS", str(rounds))
    stages = stages_of(parse_experiment(text, "all.yaml", tmp_path)[0])
    earlier = set()
    for each in stages:
        assert set(each.needs) <= earlier, each.key
        assert each.needs or each.key in {"base", "import"}, each.key
        earlier.add(each.key)
    assert len(earlier) == len(stages)
    unread = earlier - {key for each in stages if each.key != "results" for key in each.needs}
    assert {key.split("/")[1] for key in unread if "/" in key} <= {"evaluate"}  # what only the results are made of
