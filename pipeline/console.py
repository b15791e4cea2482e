"""What the terminal shows while a run goes on: sentences, and progress bars where somebody watches."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from pipeline import front

if TYPE_CHECKING:
    import rich.console


class Console(Protocol):
    """What a run tells the person who waits."""

    def say(self, message: str) -> None:
        """Tell something at once."""

    def progress(self, title: str, total: int, unit: str) -> AbstractContextManager[Callable[[int], None]]:
        """Open a progress bar; the function that comes with it moves it on."""


class Terminal:
    """The terminal, or whatever stands in its place; bars are shown only where it is interactive.

    Parameters
    ----------
    quiet
        Whether nothing but bars is shown.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        from rich.console import Console

        self.rich: rich.console.Console = Console(highlight=False, soft_wrap=True, quiet=quiet)
        self.bars: rich.console.Console = Console(stderr=True)

    def say(self, message: str) -> None:
        """Print a message (brackets are not markup); commands and settings in it as `pipeline.front` spells them."""
        self.rich.print(front.as_typed(message), markup=False)

    @contextlib.contextmanager
    def progress(self, title: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        """Open a progress bar with rate and remaining time; yield the function that moves it on."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        with Progress(*columns, console=self.bars, transient=True, disable=not self.bars.is_terminal) as bar:
            task = bar.add_task(title, total=total, unit=unit, rate="")

            def tick(n: int) -> None:
                bar.advance(task, n)
                speed = bar.tasks[0].speed
                if speed:
                    bar.update(task, rate=f"{speed:.3g}/s")

            yield tick
