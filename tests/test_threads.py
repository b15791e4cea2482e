"""Threads of this process: one numerical thread for each piece, and what is cancelled does not begin."""

import threading

import numpy as np
import pytest
from errands import pieces
from threadpoolctl import threadpool_info

from affex.pipeline.execution.runner import Inline, carry_out
from affex.pipeline.execution.threads import in_threads, one_thread
from affex.pipeline.execution.work import Needs, Piece, Stage, Work

pytestmark = pytest.mark.usefixtures("several_threads")

np.ones((2, 2)) @ np.ones((2, 2))  # which loads its library


def numerical_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_the_limit_holds_until_the_last_one_leaves() -> None:
    before, first, second = numerical_threads(), one_thread(), one_thread()
    with first:
        second.__enter__()
    assert numerical_threads() == {1}
    second.__exit__(None, None, None)
    assert numerical_threads() == before


def meet(piece: Piece, barrier: threading.Barrier) -> int:
    """Return how many numerical threads there are, when so many have met."""
    barrier.wait(60)
    [number] = numerical_threads()
    return number


def test_pieces_run_side_by_side_with_a_numerical_thread_each() -> None:
    work = Work((Stage(meet),), shared=(threading.Barrier(3),))
    found = {piece.jobs: number for piece, number in in_threads(work, pieces(range(6)), 3)}
    assert found == {(n,): 1 for n in range(6)}


def who(_: Piece) -> int:
    return threading.get_ident()


def test_no_more_run_side_by_side_than_the_memory_bears() -> None:
    work = Work((Stage(who, Needs(memory=2**60)),))
    assert len({thread for _, thread in in_threads(work, pieces(range(20)), 8)}) == 1


def test_what_has_not_begun_when_keeping_fails_does_not_begin() -> None:
    begun, gate = [], threading.Semaphore(1)

    def through(piece: Piece) -> None:
        gate.acquire()
        begun.append(piece.jobs)

    def full(piece: Piece, result: object) -> None:
        raise OSError("no space left")

    class Threads(Inline):
        def run(self, work, pieces):
            return in_threads(work, pieces, 1)

    with pytest.raises(OSError, match="no space left"):
        carry_out(Threads(), Work((Stage(through),)), pieces(range(9)), full, lambda _: None)
    gate.release(9)
    assert len(begun) <= 2


def test_what_a_piece_may_need() -> None:
    with pytest.raises(ValueError, match="gpu=2: expected a share from 0 to 1"):
        Needs(gpu=2)
    with pytest.raises(ValueError, match="memory=-1: expected 0 bytes or more"):
        Needs(memory=-1)
