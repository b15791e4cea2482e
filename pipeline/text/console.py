"""What the terminal shows while a run goes on: sentences, and progress: a bar, or lines where there is no terminal."""

import contextlib
import logging
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

#: Where there is no bar, a line comes when so much is done, and otherwise so often.
SHARES, MINUTE = (0.01, 0.1, 0.5), 60.0


class Console(Protocol):
    """What a run tells the person who waits."""

    def say(self, message: str) -> None:
        """Tell something at once."""

    def progress(self, title: str, total: int, unit: str) -> AbstractContextManager[Callable[[int], None]]:
        """Open a progress bar; the function that comes with it moves it on."""


def plain_console(**settings: Any) -> "rich.console.Console":
    """Return a console of rich that shows text as it is.

    Nothing in a text is markup, an emoji's name or worth a colour, and what would steer the terminal, or hide, is
    spelt out (`pipeline.text.printable`): a file, a label or a name may hold anything.
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
    """The terminal, or whatever stands in its place; bars are shown where it is interactive, lines where it is not.

    Parameters
    ----------
    quiet
        Whether nothing but bars, or their lines, is shown.
    aside
        Whether all is shown on standard error, since standard output is for a document.
    """

    def __init__(self, *, quiet: bool = False, aside: bool = False) -> None:
        self.rich: rich.console.Console = plain_console(soft_wrap=True, quiet=quiet, stderr=aside)
        self.bars: rich.console.Console = plain_console(stderr=True, soft_wrap=True)

    def say(self, message: str) -> None:
        """Print a message, each line as it is; commands and settings in it as `pipeline.text.wording` spells them."""
        self.rich.print(shown(wording.as_typed(message)))

    def progress(self, title: str, total: int, unit: str) -> AbstractContextManager[Callable[[int], None]]:
        """Open a progress bar with rate and remaining time; the function that comes with it moves it on."""
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


class Log(Terminal):
    """Sentences go to the log ``affex``, level INFO, and nothing is printed; progress is shown as ever."""

    def __init__(self) -> None:
        super().__init__(quiet=True)

    def say(self, message: str) -> None:
        """Log a message."""
        logging.getLogger("affex").info("%s", shown(message))


class Lines:
    """Progress in lines: when a hundredth, a tenth, a half is done, and when a minute has gone by without one.

    Parameters
    ----------
    title, total, unit
        What is done, and how many of what there are.
    say
        Is given each line.
    clock
        Returns the time, s.
    """

    def __init__(
        self, title: str, total: int, unit: str, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._title, self._total, self._unit, self._say, self._clock = title, total, unit, say, clock
        self._began = self._last = clock()
        self._done = 0
        self._due = list(SHARES)
        self._turn = threading.Lock()

    def tick(self, n: int) -> None:
        """Note that so many more are done."""
        with self._turn:
            self._done += n
            passed = [share for share in self._due if self._done >= share * self._total]
            self._due = self._due[len(passed) :]
            if passed and self._done < self._total:
                self._tell()

    def remind(self) -> float:
        """Say how far it is if that was not said for a minute; return after how long it is due again, s."""
        with self._turn:
            if self._clock() - self._last >= MINUTE:
                self._tell()
            return self._last + MINUTE - self._clock()

    def _tell(self) -> None:
        now = self._clock()
        elapsed, self._last = now - self._began, now
        rate = f", {self._done / elapsed:.3g}/s" if elapsed and self._done else ""
        left = f", {_words(elapsed / self._done * (self._total - self._done))} left" if self._done else ""
        share = self._done / max(1, self._total)
        self._say(f"{self._title}: {self._done} of {self._total} {self._unit} ({share:.0%}){rate}{left}")


def _words(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 60 * MINUTE else f"{seconds / 3600:.1f} h"


def _remind(lines: Lines, over: threading.Event) -> None:
    while not over.wait(lines.remind()):
        pass
