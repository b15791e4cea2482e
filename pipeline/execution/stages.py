"""Stages: batches of utterances through functions, and folds, on a local Dask cluster or any running one.

The arrow from media to features. A batch runs through its stages one after another. A bounded window of batches is
active, so memory does not grow with the corpus. Work goes only to workers that are like this process (`workers`), and
a result is accepted only with a proof that such workers made it (`proof`). If a worker dies, its batch is run again in
a process of its own (`runner`). If that process dies as well, the batch is halved until the utterance that is the cause
is alone, and this utterance is skipped. If no worker comes back, the rest of the work runs in the same way.
"""

import contextlib
import functools
import itertools
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from typing import Any

from affex.pipeline.execution.proof import Likeness, differing, proved, seen
from affex.pipeline.execution.runner import Inline, Runner, piece_alone, taken
from affex.pipeline.execution.threads import in_threads
from affex.pipeline.execution.work import Work
from affex.pipeline.execution.workers import Resources, Workers
from affex.pipeline.text.errors import AffexError, UsageError

#: Pieces in flight per thread: one that runs, and the next one, so that no worker waits for the driver.
WINDOW = 2

#: Interval between checks for new and lost workers while no piece ends, s.
LOOK = 1

#: Most successive checks without a worker that can do the remaining work.
PATIENCE = 20

#: How often a result may be lost with workers that other pieces end, before its piece is tried alone.
LOST = 2

#: Time limit for a scheduler to answer, and to close, s.
ANSWER, CLOSE = 10, 10

Report = Callable[[str], None]
#: Takes CPU seconds of workers.
Meter = Callable[[float], None]


@dataclass
class _Course:
    """Pieces of one run: pending pieces, pieces in flight with the workers that may do them, and suspects.

    A suspect is a piece whose worker died; it is run at the end, alone.
    """

    waiting: Iterator[Any]
    again: deque[Any] = field(default_factory=deque)
    running: dict[Any, tuple[Any, frozenset[str]]] = field(default_factory=dict)
    suspects: list[Any] = field(default_factory=list)
    lost: Counter[int] = field(default_factory=Counter)

    def following(self) -> Iterator[Any]:
        """Yield the next piece, or nothing if there is none left."""
        if self.again:
            yield self.again.popleft()
        else:
            yield from itertools.islice(self.waiting, 1)

    def lose(self, piece: Any) -> None:
        """Record that the result of a piece is lost, for no known fault of its own."""
        self.lost[id(piece)] += 1
        (self.again if self.lost[id(piece)] <= LOST else self.suspects).append(piece)

    def rest(self) -> Iterator[Any]:
        """Yield all unfinished pieces, suspects first."""
        return itertools.chain(self.suspects, self.again, (piece for piece, _ in self.running.values()), self.waiting)


class Cluster:
    """Work on the workers of a Dask scheduler."""

    def __init__(self, client: Any, report: Report = print, meter: Meter = lambda _: None) -> None:
        self._client = client
        self._address = client.scheduler.address  # a closed client has no address
        self._report = report
        self._meter = meter
        self._number = itertools.count()

    def run(self, work: Work, pieces: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield (piece, result or `Died`) as pieces end, on the workers.

        This uses Dask's own futures: joblib's Dask backend waits for ever for an item whose worker died (joblib 1.6).
        """
        work, course = replace(work, likeness=_of_one_run(work.likeness)), _Course(iter(pieces))
        for piece, result in self._done(course, work):
            self._meter(result.cpu)
            yield piece, taken(result)
        for piece in course.rest():
            yield from piece_alone(piece, work)

    def ask(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Return the result of the function on each worker."""
        answers: dict[str, Any] = self._client.run(function, *arguments)
        return answers

    def _done(self, course: "_Course", work: Work) -> Iterator[tuple[Any, Any]]:
        """Yield pieces with proven results, until only pieces are left that must be tried alone."""
        workers = Workers(self._client, work.likeness, self._report)
        with self._sentences():
            workers.require()
        needs = [workers.resources(stage.needs) for stage in work.stages]
        submit = functools.partial(self._submit, work, needs, _Shared(self._client, work.shared))
        choose = functools.partial(_idlest if work.shared else _any_worker, course, workers, needs)
        in_vain = 0
        try:
            while in_vain <= PATIENCE:
                with self._sentences():
                    workers.look()
                    _strand(course, workers, needs)
                    is_able = workers.able(needs)
                    if is_able and _is_over(course, WINDOW * workers.n_threads(needs), submit, choose):
                        return
                    ended = _ended(list(course.running))
                    n_steps = len(work.stages)
                    results = [found for future in ended if (found := _result(course, workers, future, n_steps))]
                in_vain = 0 if is_able or ended else in_vain + 1
                yield from results
        finally:
            for future in course.running:
                future.release()

    def _submit(self, work: Work, needs: list[Resources], shared: "_Shared", piece: Any, among: list[str]) -> Any:
        result, number, given = piece, next(self._number), shared.on(among)
        for stage, need in zip(work.stages, needs, strict=True):
            # One name for all tasks of a stage, because the scheduler keeps a record of every name.
            key = (f"{stage.function.__name__}-{work.likeness.run}", number)
            task = (_on_worker, stage.function, work.likeness, result, *given)
            result = self._client.submit(*task, key=key, resources=need or None, workers=among)
        return result

    @contextlib.contextmanager
    def _sentences(self) -> Iterator[None]:
        """Turn Dask's errors about a lost scheduler into one message."""
        try:
            yield
        except AffexError:
            raise
        except Exception as error:
            if self._client.status == "running" and not isinstance(error, OSError | CancelledError):
                raise
            why = f" ({error})" if isinstance(error, OSError) and str(error) else ""  # others describe Dask's internals
            raise AffexError(
                f"The Dask scheduler at {self._address} does not answer any more{why}. What was finished is kept; "
                "run the same command again to go on, with another scheduler if need be."
            ) from error


def _of_one_run(likeness: Likeness) -> Likeness:
    return replace(likeness, run=uuid.uuid4().hex)


def _is_over(course: _Course, window: int, submit: Callable[..., Any], choose: Callable[[], list[str]]) -> bool:
    """Fill the window; return whether no piece is pending or in flight."""
    while len(course.running) < window:
        following = list(course.following())
        if not following:
            return not course.running
        among = choose()
        try:
            course.running[submit(*following, among)] = (*following, frozenset(among))
        except (OSError, ValueError, KeyError):  # the chosen worker, or the scheduler, has just died
            course.lose(*following)
            return False
    return False


def _any_worker(course: _Course, workers: Workers, needs: list[Resources]) -> list[str]:  # noqa: ARG001 - as `_idlest` is called
    """Return all workers that may be used: Dask knows which of them has what the next step takes."""
    return list(workers.alike)


def _idlest(course: _Course, workers: Workers, needs: list[Resources]) -> list[str]:
    """Return the worker with the least work per thread.

    Dask would choose among the workers that have the shared data, and so never a worker that came late.
    """
    busy = Counter(worker for _, among in course.running.values() for worker in among)
    return [min(workers.having(needs[0]), key=lambda worker: busy[worker] / workers.alike[worker][1])]


def _strand(course: _Course, workers: Workers, needs: list[Resources]) -> None:
    """Take back all pieces in flight whose workers are all gone."""
    for future, (piece, among) in list(course.running.items()):
        if not future.done() and not workers.able(needs, among):
            del course.running[future]
            future.release()
            course.again.append(piece)


def _result(course: _Course, workers: Workers, future: Any, n_steps: int) -> tuple[Any, Any] | None:
    """Return a piece with its result; None if there is no trusted result, and the next step is then recorded."""
    from distributed import KilledWorker

    piece, _ = course.running.pop(future)
    try:
        result = _fetched(future)
        unlike = differing({**workers.here, **seen(piece)}, result, n_steps)
    except KilledWorker:
        course.suspects.append(piece)
        return None
    except Exception:  # errors of functions are in results: this result was lost, or cannot be read
        course.lose(piece)
        return None
    for address, why in unlike.items():
        workers.retire(address, why)
    if unlike:
        course.again.append(piece)
        return None
    return piece, result


def _fetched(future: Any) -> Any:
    """Return the result of a finished future.

    Raises
    ------
    TimeoutError
        If its worker died before the transfer: Dask would compute it again although no worker is left.
    """
    for patience in itertools.count(1):
        try:
            return future.result(timeout=LOOK * 2**patience)
        except TimeoutError:
            if not future.done():
                raise
    raise AssertionError


class _Shared:
    """The data that all pieces share, on the workers; sent again if all workers that had them are gone."""

    def __init__(self, client: Any, value: tuple[Any, ...]) -> None:
        self._client, self._value = client, value
        self._futures: list[Any] = []

    def on(self, among: list[str]) -> Sequence[Any]:
        """Return the scheduler's handle of the shared data."""
        if len(self._futures) < len(self._value) or any(future.status != "finished" for future in self._futures):
            self._futures = self._client.scatter(list(self._value), broadcast=True, hash=False, workers=among)
        return self._futures


def _on_worker(function: Callable[..., Any], likeness: Likeness, given: Any, *more: Any) -> Any:
    """Call a function on a worker, which uses its address as its name."""
    from distributed import get_worker

    return proved(get_worker().address, function, likeness, given, *more)


def _ended(running: list[Any]) -> list[Any]:
    """Wait until some futures end, at most until the next check of the workers."""
    from distributed import wait

    if not running:
        time.sleep(LOOK)
    with contextlib.suppress(TimeoutError, CancelledError):
        wait(running, timeout=LOOK, return_when="FIRST_COMPLETED")
    return [future for future in running if future.done()]


class Local:
    """Work on this machine: in threads of this process if allowed, else on a cluster, opened at the first use."""

    def __init__(self, jobs: int, cluster: Callable[[], Runner]) -> None:
        self._jobs = jobs
        self._cluster = cluster

    def run(self, work: Work, pieces: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield (piece, result or `Died`) as pieces end."""
        if work.in_threads and not any(stage.needs.gpu for stage in work.stages):
            return in_threads(work, pieces, self._jobs)
        return self._cluster().run(work, pieces)

    def ask(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Return the result of the function on each worker process."""
        return self._cluster().ask(function, *arguments)


@contextlib.contextmanager
def opened(
    scheduler: str, jobs: int, gpus: int = 0, report: Report = print, meter: Meter = lambda _: None
) -> Iterator[Runner]:
    """Open a runner.

    Parameters
    ----------
    scheduler
        ``"local"`` for a cluster of processes on this machine (one thread each: openSMILE's own state is
        per process), ``"inline"`` for this process, or a running scheduler's address, ``"tcp://host:8786"``.
    jobs
        How many local worker processes.
    gpus
        How many more local worker processes, each of which has one of the machine's GPUs for itself.
    report
        Is called with messages for the user.
    meter
        Is called with the CPU seconds of each result of worker processes.

    Raises
    ------
    UsageError
        If `scheduler` is none of these.
    AffexError
        If no scheduler answers at the address, or it has no workers.
    """
    if scheduler == "inline":
        yield Inline()
    elif scheduler == "local":
        with contextlib.ExitStack() as stack:
            cluster = functools.cache(lambda: stack.enter_context(_local_cluster(jobs, gpus, report, meter)))
            yield Local(jobs, cluster)
    elif "://" in scheduler:
        with _client(scheduler, report) as client:
            if not client.nthreads():
                raise AffexError(f"The Dask scheduler at {scheduler} has no workers. Start some with `dask worker`.")
            yield Cluster(client, report, meter)
    else:
        raise UsageError(f"SCHEDULER={scheduler}: expected local, inline or an address as tcp://host:8786.")


@contextlib.contextmanager
def _local_cluster(jobs: int, gpus: int, report: Report, meter: Meter) -> Iterator[Runner]:
    from affex.pipeline.execution import local

    with local.started(jobs, gpus, report) as address, _client(address, report, local.SECURITY) as client:
        yield Cluster(client, report, meter)


@contextlib.contextmanager
def _client(address: str, report: Report, security: Mapping[str, Any] | None = None) -> Iterator[Any]:
    """Connect to a scheduler; Dask's own settings define the certificates."""
    from distributed import Client, Security

    from affex.pipeline.execution import local

    with local.hushed():
        try:
            client = Client(address, timeout=ANSWER, security=Security(**security) if security else None)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise AffexError(f"No Dask scheduler answers at {address}: {error}.{_of_tls(address)}") from error
        try:
            yield client
        finally:
            _close(client, address, report)


def _close(client: Any, address: str, report: Report) -> None:
    """Close the connection to a scheduler; without an answer this costs a message, but no results."""
    try:
        client.close(timeout=CLOSE)
    except Exception as error:
        report(f"The Dask scheduler at {address} did not let go ({type(error).__name__}: {error}); nothing is lost.")


def _of_tls(address: str) -> str:
    """Return where Dask finds certificates, if an address needs them."""
    if not address.startswith("tls://"):
        return ""
    return (
        " It is asked under TLS with the certificates of Dask's own settings: DASK_DISTRIBUTED__COMM__TLS__CA_FILE, "
        "..__CLIENT__CERT and ..__CLIENT__KEY, or distributed.comm.tls in ~/.config/dask/distributed.yaml."
    )
