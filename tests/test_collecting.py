"""Streams that share a network, simulated with the real collector and a clock of its own: events, no waits."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import pytest

from affex.features.networks.batches import LADDER
from affex.pipeline.serving.collecting import PATIENCE, Collector, Request

PICTURE = np.zeros((1, 1, 1, 3), np.uint8)

#: Seconds of a batch of the network, of decoding a frame, and of landmarks and the crop.
BATCH, DECODE, AFTER = 0.020, 0.005, 0.003


@dataclass
class World:
    """Streams that follow a face, in processes of one core each, and a network that runs one batch after another.

    They are all at the same place of their films, or `is_mixed`, with stages that take 0.5 to 1.5 times as long.
    """

    n_streams: int
    n_frames: int = 60
    n_cores: int = 15
    now: float = 0.0
    given: int = 0
    asked: int = 0
    n_live: int = 0
    is_busy: bool = False
    is_mixed: bool = False
    events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)  # events at one time happen in the order of their making

    def __post_init__(self) -> None:
        self.collector = Collector(lambda kind: LADDER["cuda"])
        self.cores = [0.0] * self.n_cores
        self.frames = [0] * self.n_streams
        self.n_live = self.n_streams
        self.random = np.random.default_rng(0)
        self.phases = self.random.integers(10, size=self.n_streams) * self.is_mixed
        for stream in range(self.n_streams):
            self.at(self.computed(stream, DECODE), lambda stream=stream: self.ask(stream))

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self.events, (when, next(self.numbers), what))

    def computed(self, stream: int, seconds: float) -> float:
        core = stream % self.n_cores
        share = self.random.uniform(0.5, 1.5) if self.is_mixed else 1
        self.cores[core] = max(self.cores[core], self.now) + share * seconds
        return self.cores[core]

    def ask(self, stream: int) -> None:
        kind = ("square" if (self.frames[stream] + self.phases[stream]) % 10 else "whole", 1, 1)
        self.collector.add(Request(kind, PICTURE, None, stream, self.now))

    def answer(self, streams: list[int]) -> None:
        self.is_busy = False
        for stream in streams:
            self.frames[stream] += 1
            end = self.computed(stream, AFTER)
            if self.frames[stream] < self.n_frames:
                self.at(end, lambda stream=stream: self.ask(stream))
                self.computed(stream, DECODE)  # of the frame after the next one
            else:
                self.n_live -= 1

    def step(self) -> bool:
        """Begin a batch, or let the next thing happen; return whether there was one."""
        due = None if self.is_busy else self.collector.due(n_streams=self.n_live, is_idle=True, now=self.now)
        if due:
            _, pictures, size = due
            self.is_busy, self.given, self.asked = True, self.given + size, self.asked + len(pictures)
            self.at(self.now + BATCH, lambda: self.answer([request.number for request, _ in pictures]))
            return True
        patience = self.now + PATIENCE if self.collector.n_requests and not self.is_busy else np.inf
        if self.events and self.events[0][0] <= patience:
            self.now, _, happen = heapq.heappop(self.events)
            happen()
        else:
            self.now = patience
        return self.now < np.inf

    def rate(self) -> float:
        """Return the frames a second."""
        while self.n_live:
            assert self.step()
        return self.n_streams * self.n_frames / self.now


def test_one_stream_does_not_wait_for_others():
    # A batch, landmarks and crop a frame; the next frame is decoded meanwhile.
    assert World(1).rate() == pytest.approx(1 / (BATCH + AFTER), rel=0.01)


@pytest.mark.parametrize("is_mixed", [False, True])
def test_64_streams_give_25_times_the_frames_of_one_and_few_copies(is_mixed):
    one, many = World(1), World(64, is_mixed=is_mixed)
    assert many.rate() > 25 * one.rate()
    assert many.given / many.asked < 1.15
    assert one.given / one.asked == 4


@pytest.mark.parametrize("n_streams", [2, 3, 8, 20, 32, 128])
def test_more_streams_are_never_slower(n_streams):
    assert World(n_streams).rate() >= World(max(1, n_streams // 2)).rate()


def test_every_frame_is_asked_for_once():
    world = World(20)
    world.rate()
    assert world.frames == [60] * 20
    assert world.asked == 20 * 60
