"""What the terminal shows while a run goes on: sentences, and progress bars where somebody watches."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from pipeline.printable import printable

if TYPE_CHECKING:
    import rich.console


class Console(Protocol):
    """What a run tells the person who waits."""

    def say(self, message: str) -> None:
        """Tell something at once."""

    def progress(self, title: str, total: int, unit: str) -> AbstractContextManager[Callable[[int], None]]:
        """Open a progress bar; the function that comes with it moves it on."""


def plain_console(**settings: Any) -> "rich.console.Console":
    """Return a console of rich that shows text as it is.

    Nothing in a text is markup, an emoji's name or worth a colour, and what would steer the terminal, or hide, is
    spelt out (`pipeline.printable`): a file, a label or a name may hold anything.
    """
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment
    from rich.text import Text

    class Plain(Console):
        def render_str(self, text: str, **settings: Any) -> Text:
            return super().render_str(printable(text, keep="\n"), **settings)

        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            for text, style, control in super().render(renderable, options):
                yield Segment(text if control else printable(text, keep="\n"), style, control)

    return Plain(markup=False, emoji=False, highlight=False, **settings)


class Terminal:
    """The terminal, or whatever stands in its place; bars are shown only where it is interactive.

    Parameters
    ----------
    quiet
        Whether nothing but bars is shown.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.rich: rich.console.Console = plain_console(soft_wrap=True, quiet=quiet)
        self.bars: rich.console.Console = plain_console(stderr=True)

    def say(self, message: str) -> None:
        """Print a message as it is (brackets are not markup)."""
        self.rich.print(message)

    @contextlib.contextmanager
    def progress(self, title: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        """Open a progress bar with rate and remaining time; yield the function that moves it on."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}", markup=False),
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
