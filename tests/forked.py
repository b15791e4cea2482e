"""Commands in processes of their own, forked from one that has imported everything: real, and without the imports."""

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]

#: Reads [code to run first, arguments, files for what is printed], and writes how each process ended.
SERVER = """
import importlib, json, os, pkgutil, sys
sys.path.append("tests")
import with_plain
import h5py, librosa.feature.spectral, matplotlib.backends.backend_agg, scipy.signal, sklearn.svm, soundfile, soxr
import affex.pipeline
for module in pkgutil.walk_packages(affex.pipeline.__path__, "affex.pipeline."):
    if not module.name.endswith(("__main__", "_child")):
        importlib.import_module(module.name)
from affex.pipeline.cli.command import main
def run(first, arguments, *files):
    for number, file in enumerate(files, 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
    sys.argv[1:] = arguments
    try:
        exec(first, {})
        main()
    except SystemExit as ended:
        return ended.code or 0
for line in sys.stdin:
    child = os.fork()
    if not child:
        code = 1
        try:
            code = run(*json.loads(line))
        except BaseException as error:
            print(repr(error), file=sys.stderr)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@functools.cache
def server() -> "subprocess.Popen[str]":
    """Return the process with everything imported; it ends with this one."""
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", SERVER],
        cwd=HOME,
        env={**os.environ, **threads},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def affex(*arguments: str, first: str = "") -> "subprocess.CompletedProcess[str]":
    """Run affex to its end, or to where the code that is run first ends it."""
    process = server()
    assert process.stdin
    assert process.stdout
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("out", "err")]
        process.stdin.write(json.dumps([first, arguments, *map(str, files)]) + "\n")
        process.stdin.flush()
        code = int(process.stdout.readline())
        return subprocess.CompletedProcess(arguments, code, *(file.read_text() for file in files))
