"""Orchestrators and workers killed and paused at random moments of one experiment, on SQLite and on PostgreSQL.

`SAGGAR_TEST_KILLS` is how many moments, `SAGGAR_TEST_SEED` which; `SAGGAR_TEST_POSTGRES_URL` names a server to make
databases on. `pytest -s` shows what was done, when, and what came of it.
"""

import itertools
import os
import random
import time
import uuid
from dataclasses import dataclass

import psycopg
import pytest
from machine import Machine, over
from orchestrator_fakes import EXPERIMENT
from saggar.v1 import orchestrator_pb2 as pb

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
MOMENTS = int(os.environ.get("SAGGAR_TEST_KILLS", "5"))
SEED = int(os.environ.get("SAGGAR_TEST_SEED", "1"))
POSTGRES = os.environ.get("SAGGAR_TEST_POSTGRES_URL", "")
WORKERS = ("generator", "qc", "trainer", "trainer-2")
TRAINERS = 2
EPOCHS = 6
SHARDS_AT_ONCE = 4


@dataclass(frozen=True)
class Fault:
    """What was done to whom, and the seconds since the experiment began."""

    what: str
    name: str
    began: float
    ended: float


@pytest.fixture
def database(request):
    """Settings of a workflow database of its own."""
    if request.param == "sqlite":
        yield {}
        return
    if not POSTGRES:
        pytest.skip("no PostgreSQL; set SAGGAR_TEST_POSTGRES_URL")
    name = f"saggar_kill_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(POSTGRES.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield {"SAGGAR_DATABASE_URL": f"{POSTGRES.rpartition('/')[0]}/{name}"}
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """(id, results.json without times) of a run that nothing happened to."""
    machine = Machine(tmp_path_factory.mktemp("undisturbed"))
    try:
        machine.start_all()
        identity = machine.run(EXPERIMENT)
        described = machine.wait_for(identity, over)
        assert described.experiment.state == pb.EXPERIMENT_STATE_SUCCEEDED, described.experiment.error
        return identity, machine.results(identity)
    finally:
        machine.stop()


@pytest.fixture
def machines(tmp_path, database):
    made = []

    def of(**options):
        made.append(Machine(tmp_path / "disturbed", trainers=TRAINERS, apart=True, **options, **database))
        return made[-1].start_all()

    yield of
    for machine in made:
        machine.stop()


def disturb(machine, name, what, started):
    """Kills one and starts it again, without waiting for it; or pauses it, for less than what makes it dead."""
    began = time.time()
    if what == "killed":
        machine.kill(name)
        machine.start(name, wait=False)
    else:
        machine.pause(name)
        time.sleep(0.7)
        machine.go_on(name)
    return Fault(what, name, began - started, time.time() - started)


def targets(chance, names, moments):
    """Who is disturbed, and how: everybody in both ways as often as the others, in any order."""
    both = [(name, what) for what in ("killed", "paused") for name in names]
    rounds = (chance.sample(both, len(both)) for _ in itertools.count())
    return itertools.islice(itertools.chain.from_iterable(rounds), moments)


def lost_by(faults, pieces, started):
    """Each fault with the work that was broken off before the next one."""
    for fault, following in itertools.pairwise((*faults, None)):
        until = float("inf") if following is None else following.began
        yield fault, [p for p in pieces if not p.finished and fault.began <= p.ended - started < until]


def table(faults, pieces, started):
    """A line a fault: who, how, when, and what was broken off."""
    lines = [f"{'fault':28} {'at':>6}  outcome"]
    for fault, lost in lost_by(faults, pieces, started):
        found = ", ".join(f"{p.item.partition('/')[0]} {p.ended - p.began:.1f} s" for p in lost)
        said = f"begun again: {found}" if lost else "nothing had to be done again"
        lines.append(f"{fault.name + ' ' + fault.what:28} {fault.began:5.1f}s  {said}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("database", "orchestrators"),
    [("sqlite", 1), ("postgres", 1), ("postgres", 2)],
    indirect=["database"],
    ids=["sqlite", "postgres", "postgres, two orchestrators"],
)
def test_results_equal_those_of_an_undisturbed_run(machines, undisturbed, orchestrators, request):
    expected, results = undisturbed
    names = [*WORKERS, "orchestrator", "orchestrator-2"][: len(WORKERS) + orchestrators]
    machine = machines(epoch_seconds=1.0, epochs=EPOCHS, image_seconds=0.3, SAGGAR_TAKEOVER_S="20")
    if orchestrators == 2:
        machine.start("orchestrator-2")
    identity = machine.run(EXPERIMENT)
    assert identity == expected

    started, chance, faults = time.time(), random.Random(f"{SEED} {request.node.name}"), []
    for name, what in targets(chance, names, MOMENTS):
        time.sleep(chance.uniform(0.1, 1.5))
        faults.append(disturb(machine, name, what, started))
    for name in names:
        machine.wait_ready(name)
    under_way = not over(machine.wait_for(identity, lambda described: True))
    described = machine.wait_for(identity, over, timeout_s=600)
    pieces = [*machine.pieces("epochs/"), *machine.pieces("drawn/")]
    told = table(faults, pieces, started)
    print(f"\n{request.node.name}, seed {SEED}\n{told}\n{time.time() - started:.0f} s in all")

    assert under_way, f"it was over before the last moment came\n{told}"
    assert described.experiment.state == pb.EXPERIMENT_STATE_SUCCEEDED, (described.experiment.error, told)
    assert machine.results(identity) == results, told
    for item, of_one in itertools.groupby(sorted(pieces, key=lambda p: (p.item, p.began)), lambda p: p.item):
        tries = list(of_one)
        assert sum(piece.finished for piece in tries) == 1, (item, tries, told)  # what was done is never done again
        assert all(one.ended <= other.began for one, other in itertools.pairwise(tries)), (item, tries, told)
    for fault, lost in lost_by(faults, pieces, started):
        of = [piece.item.partition("/")[0] for piece in lost]
        assert of.count("epochs") <= TRAINERS, (fault, told)  # of a training no more than the epoch in hand
        assert of.count("drawn") <= SHARDS_AT_ONCE, (fault, told)  # and of a shard no more than an image
    assert set(machine.images().values()) == {1}, told
    assert len(machine.epochs()) == EPOCHS * 6, told
