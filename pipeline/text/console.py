"""The console: shows messages and progress during a run, as a bar, or as lines without a terminal."""

import contextlib
import importlib.util
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from affex.pipeline.text import wording
from affex.pipeline.text.filenames import shown
from affex.pipeline.text.printable import printable

if TYPE_CHECKING:
    import rich.console

#: Without a bar, a line is printed at these shares of the work, and at least this often, s.
SHARES, MINUTE = (0.01, 0.1, 0.5), 60.0


class Console(Protocol):
    """The interface for messages and progress of a run."""

    def print(self, message: str) -> None:
        """Show a message at once."""

    def progress(self, title: str, total: int, unit: str) -> AbstractContextManager[Callable[[int], None]]:
        """Open a progress bar; the function in the ``with`` statement advances it by a number of items."""


def plain_console(**settings: Any) -> "rich.console.Console":
    """Return a rich console that prints text without interpreting it.

    A file, a label or a name may contain any text: markup, names of emojis and colours are not interpreted, and control
    or invisible characters are written as escapes (`pipeline.text.printable`).
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
    """The terminal or its replacement, such as a file; bars are shown if it is interactive, otherwise lines.

    Parameters
    ----------
    quiet
        Whether only progress is shown.
    aside
        Whether all is printed on standard error, because standard output is for a document.
    """

    def __init__(self, *, quiet: bool = False, aside: bool = False) -> None:
        self.rich: rich.console.Console = plain_console(soft_wrap=True, quiet=quiet, stderr=aside)
        self.bars: rich.console.Console = plain_console(stderr=True, soft_wrap=True, **_bars())

    def print(self, message: str) -> None:
        """Print a message line by line; `pipeline.text.wording` converts commands and settings in it."""
        self.rich.print(shown(wording.as_typed(message)))

    def progress(self, title: str, total: int, unit: str) -> AbstractContextManager[Callable[[int], None]]:
        """Open a progress bar with rate and remaining time; the function in the ``with`` statement advances it."""
        is_shown = self.bars.is_terminal or self.bars.is_jupyter
        return self._bar(title, total, unit) if is_shown else self._lines(title, total, unit)

    @contextlib.contextmanager
    def _bar(self, title: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}", markup=False),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        with Progress(*columns, console=self.bars, transient=True) as bar:
            task = bar.add_task(title, total=total, unit=unit, rate="")

            def tick(n: int) -> None:
                bar.advance(task, n)
                speed = bar.tasks[0].speed
                if speed:
                    bar.update(task, rate=f"{speed:.3g}/s")

            yield tick

    @contextlib.contextmanager
    def _lines(self, title: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        lines = Lines(title, total, unit, lambda line: self.bars.print(line, markup=False))
        over = threading.Event()
        reminder = threading.Thread(target=_remind, args=(lines, over), daemon=True)
        reminder.start()
        try:
            yield lines.tick
        finally:
            over.set()
            reminder.join()


def _bars() -> dict[str, bool]:
    """Return rich's settings for bars: none in a notebook without ipywidgets, where it would warn at each of them."""
    has_none = "ipykernel" in sys.modules and importlib.util.find_spec("ipywidgets") is None
    return {"force_jupyter": False, "force_terminal": False} if has_none else {}


class Log(Terminal):
    """Messages go to the log ``affex``, level INFO, instead of the terminal; progress is shown as usual."""

    def __init__(self) -> None:
        super().__init__(quiet=True)

    def print(self, message: str) -> None:
        """Log a message."""
        logging.getLogger("affex").info("%s", shown(message))


class Lines:
    """Progress in lines: at a hundredth, a tenth and a half of the work, and after a minute without a line.

    Parameters
    ----------
    title, total, unit
        The kind of work, the number of items and their name.
    report
        Called with each line.
    clock
        Function that returns the time, s.
    """

    def __init__(
        self,
        title: str,
        total: int,
        unit: str,
        report: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title, self._total, self._unit, self._report, self._clock = title, total, unit, report, clock
        self._began = self._last = clock()
        self._done = 0
        self._due = list(SHARES)
        self._turn = threading.Lock()

    def tick(self, n: int) -> None:
        """Count `n` more finished items."""
        with self._turn:
            self._done += n
            passed = [share for share in self._due if self._done >= share * self._total]
            self._due = self._due[len(passed) :]
            if passed and self._done < self._total:
                self._print()

    def remind(self) -> float:
        """Print a line if none was printed for a minute; return the time until the next one is due, s."""
        with self._turn:
            if self._clock() - self._last >= MINUTE:
                self._print()
            return self._last + MINUTE - self._clock()

    def _print(self) -> None:
        now = self._clock()
        elapsed, self._last = now - self._began, now
        rate = f", {self._done / elapsed:.3g}/s" if elapsed and self._done else ""
        left = f", {_words(elapsed / self._done * (self._total - self._done))} left" if self._done else ""
        share = self._done / max(1, self._total)
        self._report(f"{self._title}: {self._done} of {self._total} {self._unit} ({share:.0%}){rate}{left}")


def _words(seconds: float) -> str:
    """Return a duration in s, min or h."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 60 * MINUTE else f"{seconds / 3600:.1f} h"


def _remind(lines: Lines, over: threading.Event) -> None:
    while not over.wait(lines.remind()):
        pass
