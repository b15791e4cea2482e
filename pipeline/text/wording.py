"""Wording of commands: writes commands and settings in messages for make or for affex, as the user started it.

Messages contain commands of make, such as ``make features DATASET=emodb`` or ``PARTIAL=1``. A user who typed ``affex``
sees ``affex features --dataset emodb`` and ``--partial`` instead: the terminal converts messages by `as_typed`. From
Python, settings are keywords, ``partial=True`` (`as_python`).
"""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

#: What the variables begin with in which the Makefile hands on what it was told, so that blanks and quotes survive.
HANDED = "AFFEX_"

#: The folder in which make was typed, handed on likewise.
MAKE_TYPED_IN = f"{HANDED}MAKE_TYPED_IN"

#: Targets of the Makefile, and the corresponding commands of ``affex``.
VERBS = {
    name: name
    for name in (
        *("features", "evaluate", "compare", "reproduce", "checklist", "report", "fit", "predict", "tune", "demo"),
        *("describe", "show", "download", "list", "cache", "export", "import", "league"),
    )
} | {"runs": "list runs", "systems": "list systems", "audit": "audit folds"}

#: Variables that are switches, and those that some commands take as a positional argument.
SWITCHES = {
    *("PARTIAL", "REWEIGHT", "ENROL", "INNER", "MOMENTS", "LEAK", "ALLOW_LEAKS", "IDENTITY"),
    *("EXTRA", "DROP_NAN", "TRANSPOSE", "JSON", "SCRATCH", "MEDIA", "CROSS"),
}
ARGUMENTS = {"show": "UTTERANCE", "export": "OUT", "import": "FILE", "audit": "FILE"}

#: The other variables.
VALUES = {
    *("DATASET", "DATA", "FEATURES", "CLASSIFIER", "PROTOCOL", "TARGET", "CLASSES", "SPEAKER_NORM", "FUSION", "RUNS"),
    *("METRIC", "SCHEDULER", "JOBS", "DEVICE", "WEIGHTS", "CACHE", "OUT", "SEED", "SEEDS"),
    *("SOFT", "ROPE", "AGAINST", "MODEL", "EXCLUDE", "BY", "FILE"),
    *("CALLED", "FORMAT", "TABLE", "HOP", "ONLY", "WITHOUT", "NOTE", "UTTERANCE", "CONFIG", "SYSTEM", "RUN", "LOG"),
    *("CONTROLS", "NETWORK", "EPOCHS", "PATIENCE", "RATE", "BATCH", "SETS", "SPEAKER", "CORPORA", "MODELS"),
}

_NAMES = "|".join(sorted(SWITCHES | VALUES, key=len, reverse=True))
# A value ends before the punctuation of its sentence.
_SETTING = rf"(?P<name>{_NAMES})=(?P<value>'[^']*'|\"[^\"]*\"|[^\s`'\"()]*[^\s`'\"().,;:]|)"
SETTING = re.compile(rf"(?<![\w/.=-]){_SETTING}")
_ANONYMOUS = re.sub(r"\?P<\w+>", "?:", _SETTING)
# A command stands alone, in backticks or after a colon: "make features" may also be plain English.
COMMAND = re.compile(rf"(?:^|(?<=`)|(?<=: ))make (?P<verb>{'|'.join(VERBS)})(?P<settings>(?: {_ANONYMOUS})*)(?!\w)")
_ANONYMOUS_COMMAND = re.sub(r"\?P<\w+>", "?:", COMMAND.pattern)
OWN = re.compile(r"(?<=`)affex (?=[a-z])")


def is_of_make(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether make started affex."""
    return MAKE_TYPED_IN in environment


def command(verb: str, **settings: object) -> str:
    """Return a command line for make.

    Parameters
    ----------
    verb
        The target of make.
    settings
        Values by the names of variables; None, False and an empty text are left out, True is 1.
    """
    words = [f"{name}={shlex.quote('1' if value is True else str(value))}" for name, value in settings.items() if value]
    return " ".join(["make", verb, *words])


def as_typed(message: str, environment: Mapping[str, str] = os.environ, program: str | None = None) -> str:
    """Return a message with its commands for ``make`` or ``affex``, whichever the user typed.

    Parameters
    ----------
    environment
        The environment, in which the Makefile sets the folder where make was typed.
    program
        The command that started affex; None for that of this process.
    """
    if is_of_make(environment):
        make = _make(Path(environment[MAKE_TYPED_IN]))
        message = OWN.sub(f"{_own(program)} ", message)
        return COMMAND.sub(lambda found: make + found[0].removeprefix("make"), message)
    own = _own(program)
    message = COMMAND.sub(lambda found: f"{own} {_verb(found)}", message)
    return OWN.sub(f"{own} ", SETTING.sub(_option, message))


def as_python(message: str, known: Collection[str]) -> str:
    """Return a message with its settings as keywords of a function; commands in it stay commands.

    Parameters
    ----------
    known
        The function's keywords; other settings stay as they are.
    """
    parts = re.split(f"({_ANONYMOUS_COMMAND})", message)
    parts[::2] = [SETTING.sub(lambda found: _keyword(found, known), part) for part in parts[::2]]
    return "".join(parts)


def option_as_typed(message: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return click's message about options with variables of ``make`` or options of ``affex``, as the user typed."""
    if not is_of_make(environment):
        return message
    return re.sub(r"--([a-z]+(?:-[a-z]+)*)", lambda found: found[1].replace("-", "_").upper(), message)


def _make(typed_in: Path) -> str:
    """Return the command that starts make from the folder in which it was typed."""
    here = Path.cwd()
    try:
        is_here = typed_in.samefile(here)
    except OSError:
        is_here = False
    return "make" if is_here else f"make -C {shlex.quote(str(here))}"


def _own(program: str | None) -> str:
    """Return the command that starts affex: its name if the shell finds it, else its path."""
    path = Path(program or sys.argv[0])
    found = shutil.which("affex")
    if path.name != "affex" or (found and Path(found).resolve() == path.resolve()):
        return "affex"
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def _verb(found: re.Match[str]) -> str:
    settings, argument = list(SETTING.finditer(found["settings"])), ARGUMENTS.get(found["verb"])
    alone = [setting["value"] for setting in settings if setting["name"] == argument]
    return " ".join([VERBS[found["verb"]], *alone, *(_option(one) for one in settings if one["name"] != argument)])


def _keyword(setting: re.Match[str], known: Collection[str]) -> str:
    """Return a variable with its value as a keyword, if the function has it."""
    name, value = setting["name"].lower(), setting["value"].strip("'\"")
    if name not in known:
        return setting[0]
    return f"{name}=True" if setting["name"] in SWITCHES else f'{name}="{value}"'


def _option(setting: re.Match[str]) -> str:
    """Return a variable with its value as an option of affex."""
    name = "--" + setting["name"].lower().replace("_", "-")
    return f"{name} {setting['value']}".rstrip() if setting["name"] in VALUES else name
