"""Every command that README and docs show reaches affex whole, whichever shell it is typed in (see `shells`)."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import shells
from conftest import ROOT

from affex.pipeline.cli.command import cli
from affex.pipeline.text import wording

#: Writes down what it was told: its arguments, and the variables that the Makefile hands on.
STUB = """#!/bin/sh
{ for word in "$@"; do printf '%s\\n' "$word"; done; env | grep '^AFFEX_' | grep -v '^AFFEX_MAKE_TYPED_IN' | sort
} >told
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stands in for a checkout, in a folder with a blank in its name: the Makefile, and an affex that listens."""
    root = tmp_path_factory.mktemp("another folder") / "affex"
    (root / ".venv" / "bin").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    for name in ("affex", "python"):
        (root / ".venv" / "bin" / name).write_text(STUB)
        (root / ".venv" / "bin" / name).chmod(0o755)
    (root / ".venv" / ".installed-cpu").touch()
    return root


def told(command: str, home: Path) -> list[str]:
    """Return what affex should be told, as the stub writes it down."""
    program, *words = shlex.split(command)
    if program != "make":
        return words
    settings = [word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word)]
    targets = [word for word in words if not re.match(r"[A-Z_]+=", word)]
    verbs = [word for target in targets for word in wording.VERBS.get(target, target).split()]
    return ["--from-make", *verbs, *sorted(f"AFFEX_{name}={value.replace('~', str(home))}" for name, value in settings)]


@pytest.mark.parametrize("shell", shells.SHELLS)
def test_every_command_reaches_affex_whole(shell: str, checkout: Path) -> None:
    if not shutil.which(shell) or not shutil.which("make"):
        pytest.skip(f"no {shell}, or no make, on this machine")
    home = checkout.parent / "home of a newcomer"
    known = shells.environment(checkout, home)
    commands = dict.fromkeys(one.typed for one in shells.shown() if not one.reason and len(one.typed.split()) > 2)
    assert len(commands) > 30
    for command in commands:
        (checkout / "told").unlink(missing_ok=True)
        ended = shells.typed(shell, command, checkout, known)
        assert ended.returncode == 0, (command, ended.stdout)
        if not command.startswith("make -n"):
            heard = (checkout / "told").read_text(encoding="utf-8").splitlines()
            assert [word.replace("~", str(home)) for word in heard] == told(command, home), command


def test_no_command_stands_before_a_comment_which_zsh_would_take_for_arguments() -> None:
    assert not [one for one in shells.shown() if re.search(r"\s#", one.command)]


def test_every_example_of_help_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("seed = 1\n", encoding="utf-8")
    examples = [
        line.strip()
        for verb in (cli, *cli.commands.values())
        for line in (verb.help or "").splitlines()
        if line.strip().startswith("affex ")
    ]
    assert len(examples) > 25
    for example in examples:
        words = shlex.split(example)[1:]
        verb = cli.commands[words[0]]
        verb.make_context(words[0], words[1:])  # which raises where an option is not known


def test_the_folder_of_another_make_is_told(checkout: Path, tmp_path: Path) -> None:
    if not shutil.which("make"):
        pytest.skip("no make on this machine")
    (checkout / ".venv" / "bin" / "affex").write_text("#!/bin/sh\nenv | grep MAKE_TYPED_IN\n")
    command = f"make -s -C {shlex.quote(str(checkout))} list"
    here = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert here == f"AFFEX_MAKE_TYPED_IN={tmp_path}\n"
