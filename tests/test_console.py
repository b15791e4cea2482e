"""Progress where nobody watches: lines at a hundredth, a tenth, a half, and else once a minute."""

import io
import sys
from types import ModuleType

import pytest
from rich.console import Console

from affex.pipeline.text.console import Lines, Terminal


def lines(total: int) -> tuple[Lines, list[str], list[float]]:
    output: list[str] = []
    now = [0.0]
    return Lines("extracting", total, "utterances", output.append, lambda: now[0]), output, now


def test_a_line_comes_at_one_ten_and_fifty_percent_and_at_no_other() -> None:
    progress, output, now = lines(200)
    for n in range(1, 201):
        now[0] = n / 10
        progress.tick(1)
    assert output == [
        "extracting: 2 of 200 utterances (1%), 10/s, 20 s left",
        "extracting: 20 of 200 utterances (10%), 10/s, 18 s left",
        "extracting: 100 of 200 utterances (50%), 10/s, 10 s left",
    ]


def test_steps_that_pass_several_shares_make_one_line_and_the_last_makes_none() -> None:
    progress, output, _ = lines(20)
    progress.tick(16)
    progress.tick(4)
    assert output[0].startswith("extracting: 16 of 20 utterances (80%)")
    assert len(output) == 1


def test_a_minute_without_a_line_makes_one_even_where_nothing_ends() -> None:
    progress, output, now = lines(1000)
    assert progress.remind() == 60
    now[0] = 59
    assert progress.remind() == 1
    assert output == []
    now[0] = 60
    assert progress.remind() == 60
    assert output == ["extracting: 0 of 1000 utterances (0%)"]
    now[0] = 90
    progress.tick(10)
    now[0] = 149
    assert progress.remind() == 1
    assert output[1:] == ["extracting: 10 of 1000 utterances (1%), 0.111/s, 2.5 h left"]
    now[0] = 150
    progress.remind()
    assert len(output) == 3


def test_where_there_is_no_terminal_lines_go_to_it_and_no_bar() -> None:
    terminal = Terminal()
    terminal.bars = Console(file=io.StringIO(), soft_wrap=True)
    with terminal.progress("evaluating [svm]", 4, "folds") as tick:
        for _ in range(4):
            tick(1)
    output = terminal.bars.file.getvalue().splitlines()
    assert [line.partition(",")[0] for line in output] == [
        "evaluating [svm]: 1 of 4 folds (25%)",
        "evaluating [svm]: 2 of 4 folds (50%)",
    ]


def test_a_notebook_without_widgets_gets_lines_and_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich would ask for ipywidgets at each bar, in a red box."""
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    for has_widgets in (False, True):
        monkeypatch.setattr("importlib.util.find_spec", lambda _, has=has_widgets: object() if has else None)
        assert Terminal().bars.is_jupyter is has_widgets
        assert not Terminal().bars.is_terminal
