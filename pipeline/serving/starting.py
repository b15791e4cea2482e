"""Starting: a Python process that runs one function of affex, with some of this process's descriptors.

`multiprocessing` refuses processes below Dask's workers, which are daemons of theirs.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable

from affex.pipeline.execution.runner import deaf_children


def started(
    main: Callable[..., None], *arguments: int | str, inherited: Iterable[int | None]
) -> "subprocess.Popen[bytes]":
    """Start a process that calls a function of a module; numerical libraries get one thread there.

    Parameters
    ----------
    main
        The function.
    arguments
        Its arguments.
    inherited
        The descriptors that stay open there, under the same numbers; None is left out.
    """
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    path = os.pathsep.join(entry for entry in sys.path if entry)
    code = f"from {main.__module__} import {main.__name__}; {main.__name__}{(*arguments,)}"
    command = [sys.executable, "-P", "-c", code]  # without the working folder, whose modules may have any names
    kept = [number for number in inherited if number is not None]
    with deaf_children():
        return subprocess.Popen(command, pass_fds=kept, env={**os.environ, **threads, "PYTHONPATH": path})
