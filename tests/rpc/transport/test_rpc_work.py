"""Long work behind a stream: events, heartbeats, errors, cancellation, queue."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from rig import Rig
from saggar.errors import BusyError, CancelledError, InvalidInputError
from saggar.rpc.channel import open_channel
from saggar.rpc.serving.server import start_server
from saggar.rpc.serving.work import JobQueue, stream_events
from saggar.v1 import trainer_pb2_grpc
from saggar.v1.common_pb2 import Progress
from saggar.v1.trainer_pb2 import EpochMetrics, TrainRequest, TrainResponse, TrainResult

RESULT = TrainResult(best_epoch=3)


class Trainer(trainer_pb2_grpc.TrainerServiceServicer):
    def __init__(self, work: Any, options: dict[str, Any]) -> None:
        self.work, self.options = work, options

    def Train(self, _request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        return stream_events(context, TrainResponse, self.work, **self.options)


@pytest.fixture
def train(rig: Rig) -> Callable[..., Any]:
    """Starts a trainer that does `work`, and returns a function that calls it."""

    def start(work: Any, **options: Any) -> Any:
        def register(server: grpc.Server) -> list[str]:
            trainer_pb2_grpc.add_TrainerServiceServicer_to_server(Trainer(work, options), server)
            return ["saggar.v1.TrainerService"]

        server = start_server(register)
        rig.servers.append(server)
        rig.channels.append(open_channel(server.address, attempts=1))
        stub = trainer_pb2_grpc.TrainerServiceStub(rig.channels[-1])
        return lambda: stub.Train(TrainRequest(), timeout=30)

    return start


def test_progress_other_events_and_the_result_come_in_order(train: Any) -> None:
    def work(emit: Any, _: threading.Event) -> TrainResult:
        emit(Progress(stage="training", done=1, total=2))
        emit(TrainResponse(epoch=EpochMetrics(epoch=1)))
        return RESULT

    assert list(train(work)()) == [
        TrainResponse(progress=Progress(stage="training", done=1, total=2)),
        TrainResponse(epoch=EpochMetrics(epoch=1)),
        TrainResponse(result=RESULT),
    ]


def test_work_may_return_a_whole_response(train: Any) -> None:
    assert list(train(lambda *_: TrainResponse(result=RESULT))()) == [TrainResponse(result=RESULT)]


def test_an_error_comes_after_what_was_emitted(train: Any) -> None:
    def work(emit: Any, _: threading.Event) -> None:
        emit(Progress(stage="training"))
        raise InvalidInputError("no rows; import some")

    call = train(work)()
    assert next(call).progress.stage == "training"
    with pytest.raises(InvalidInputError, match="no rows; import some"):
        next(call)


def test_silent_work_sends_its_last_progress_as_a_heartbeat(train: Any) -> None:
    release = threading.Event()

    def work(emit: Any, _: threading.Event) -> TrainResult:
        emit(Progress(stage="loading", done=7))
        release.wait(20)
        return RESULT

    call = train(work, heartbeat_s=0.05)()
    seen = [next(call) for _ in range(3)]
    release.set()
    assert seen == [TrainResponse(progress=Progress(stage="loading", done=7))] * 3
    assert list(call)[-1] == TrainResponse(result=RESULT)


def test_a_client_that_goes_cancels_the_work(train: Any) -> None:
    ended = threading.Event()

    def work(emit: Any, cancelled: threading.Event) -> None:
        emit(Progress(stage="training"))
        assert cancelled.wait(120)
        ended.set()
        raise CancelledError("cancelled")

    call = train(work)()
    next(call)
    call.cancel()
    assert ended.wait(60)


def test_jobs_run_one_at_a_time_and_the_queue_is_bounded(train: Any) -> None:
    jobs = JobQueue(limit=1, retry_after_s=12)
    release = threading.Event()
    together: list[int] = []

    def work(emit: Any, _: threading.Event) -> TrainResult:
        together.append(jobs.running)
        emit(Progress(stage="training"))
        release.wait(20)
        return RESULT

    call = train(work, jobs=jobs)
    first = call()
    assert next(first).progress.stage == "training"
    second = call()
    assert next(second).progress == Progress(stage="waiting", message="1 job ahead in the queue")
    assert (jobs.running, jobs.waiting) == (1, 1)
    with pytest.raises(BusyError, match="try again later") as caught:
        next(call())
    assert caught.value.retry_after_s == 12
    release.set()
    assert list(first)[-1].result == RESULT
    assert list(second)[-1].result == RESULT
    assert together == [1, 1]


def test_a_client_that_goes_while_waiting_leaves_the_queue(train: Any) -> None:
    jobs = JobQueue(limit=3)
    release = threading.Event()

    def work(emit: Any, _: threading.Event) -> TrainResult:
        emit(Progress(stage="training"))
        release.wait(20)
        return RESULT

    call = train(work, jobs=jobs)
    first = call()
    next(first)
    second = call()
    next(second)
    second.cancel()
    until(lambda: jobs.waiting == 0)
    release.set()
    assert list(first)[-1].result == RESULT
    until(lambda: jobs.running == 0)


def test_the_turn_is_kept_until_cancelled_work_has_really_ended(train: Any) -> None:
    jobs = JobQueue(limit=3)
    release = threading.Event()

    def work(emit: Any, cancelled: threading.Event) -> TrainResult:
        emit(Progress(stage="training"))
        cancelled.wait(20)
        release.wait(20)  # the current step goes on
        return RESULT

    call = train(work, jobs=jobs)()
    next(call)
    call.cancel()
    threading.Event().wait(0.2)
    assert jobs.running == 1
    release.set()
    until(lambda: jobs.running == 0)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
