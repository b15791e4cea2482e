"""The cluster of a local run: who can reach it, when it hears Ctrl-C, and what its end may cost."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dask
import distributed
import psutil
import pytest
from conftest import ROOT
from corpus import write_wav
from distributed import LocalCluster, Security
from errands import pid_of, pieces
from test_cli import interruptible

from affex.pipeline.caching.dataset import last
from affex.pipeline.cli import extraction
from affex.pipeline.execution import local, stages
from affex.pipeline.execution.work import Stage, Work
from affex.pipeline.text.errors import AffexError

PID = Work((Stage(pid_of),))

# Who can reach it


def listening() -> list[str]:
    """Return the addresses at which this process and its children wait for connections."""
    me = psutil.Process()
    sockets = [s for one in (me, *me.children(recursive=True)) for s in one.net_connections("inet")]
    return [s.laddr.ip for s in sockets if s.status == psutil.CONN_LISTEN or s.type is not s.type.SOCK_STREAM]


def test_all_of_a_local_run_listens_on_the_loopback_interface_alone():
    before = listening()
    with stages.opened("local", 2, gpus=1) as runner:
        assert len(runner.ask(os.getpid)) == 3
        during = listening()
    ours = Counter(during) - Counter(before)
    assert ours.total() >= 2 + 3 * 2  # a scheduler and its page, a nanny and a worker for each
    assert set(ours) == {"127.0.0.1"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Dask's settings with a certificate that is its own authority."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl program to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=affex"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    pair = {f"{who}.{what}": str(folder / f"{what}.pem") for who in ("client", "scheduler", "worker") for what in
            ("cert", "key")}  # fmt: skip
    return {f"distributed.comm.tls.{name}": path for name, path in {"ca-file": pair["client.cert"], **pair}.items()}


@pytest.fixture
def guarded(certificate: dict[str, str]) -> Iterator[str]:
    """A scheduler that wants certificates, and its worker."""
    with dask.config.set(certificate | {"distributed.comm.require-encryption": True}):
        security = Security()
        cluster = LocalCluster(n_workers=1, threads_per_worker=1, security=security, dashboard_address=None)
    with cluster:
        yield cluster.scheduler_address


def test_a_scheduler_under_tls_is_reached_with_dasks_own_settings(guarded, certificate):
    assert guarded.startswith("tls://")
    with dask.config.set(certificate), stages.opened(guarded, 1) as runner:
        [(_, pid)] = runner.run(PID, pieces([0]))
        assert pid != os.getpid()


def test_a_scheduler_under_tls_is_not_reached_without_a_certificate(guarded, monkeypatch):
    monkeypatch.setattr(stages, "ANSWER", 2)
    for address, hint in ((guarded, "DASK_DISTRIBUTED__COMM__TLS__CA_FILE"), (guarded.replace("tls", "tcp"), "")):
        refused = pytest.raises(AffexError, match=f"No Dask scheduler answers at {address}.*{hint}")
        with refused, stages.opened(address, 1):
            pass


def test_a_run_of_ones_own_needs_no_certificate_where_remote_ones_do(certificate):
    with dask.config.set({"distributed.comm.require-encryption": True}), stages.opened("local", 1) as runner:
        assert len(runner.ask(os.getpid)) == 1


# How it ends


def gone(pids: list[int]) -> bool:
    return not psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=20)[1]


def test_a_worker_that_hangs_is_killed_and_the_result_is_there(monkeypatch):
    monkeypatch.setattr(local, "GRACE", 0.5)
    with stages.opened("local", 2) as runner:
        found = {piece.jobs[0]: pid for piece, pid in runner.run(PID, pieces(range(3)))}
        pids = list(runner.ask(os.getpid).values())
        os.kill(pids[0], signal.SIGSTOP)
    assert len(found) == 3
    assert gone(pids)


async def never(*_: object, **__: object) -> None:
    raise TimeoutError("timed out")


def test_a_cluster_that_does_not_close_costs_a_line(monkeypatch):
    output: list[str] = []
    with stages.opened("local", 1, report=output.append) as runner:
        pids = list(runner.ask(os.getpid).values())
        monkeypatch.setattr(distributed.Nanny, "close", never)
    assert output == ["The worker processes did not end by themselves (TimeoutError) and were killed; no matter."]
    assert gone(pids)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    names = [f"{n}.wav" for n in range(6)]
    for n, name in enumerate(names):
        write_wav(tmp_path / name, 0.3, seed=n)
    (tmp_path / "few.csv").write_text("file,speaker,label\n" + "".join(f"{name},s,l\n" for name in names))
    return tmp_path / "few.csv"


def test_features_that_are_finished_are_remembered_whatever_the_cluster_does(table, tmp_path, monkeypatch):
    @contextlib.contextmanager
    def failing(*_: object) -> Iterator[object]:
        yield stages.Inline()
        raise TimeoutError("the cluster did not close")

    monkeypatch.setattr(stages, "opened", failing)
    arguments = ["--dataset", "csv", "--data", str(table), "--features", "mfcc", "--cache", str(tmp_path / "cache")]
    with pytest.raises(TimeoutError):
        extraction.features.main(arguments, standalone_mode=False)
    assert last(tmp_path / "cache") == ("csv", str(table))


def test_ctrl_c_is_heard_while_workers_start(table, tmp_path):
    arguments = ["features", "--dataset", "csv", "--data", table.name, "--features", "mfcc", "--jobs", "2"]
    run = interruptible(*arguments, cwd=tmp_path)
    me, children = psutil.Process(run.pid), []
    while run.poll() is None and len(children) < 2:  # Python's own tracker of resources, and a worker
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(timeout=0.01)
        children = me.children(recursive=True) if run.returncode is None else []
    os.killpg(run.pid, signal.SIGINT)  # a terminal sends it to all of them
    _, output = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "Interrupted. All utterances and folds finished so far are kept" in output
    assert "Traceback" not in output
    assert gone([child.pid for child in children])
    assert not list(tmp_path.rglob("mfcc.h5"))


def test_ctrl_c_is_heard_while_modules_are_imported(tmp_path):
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt")  # as it is imported
    run = subprocess.run(
        [sys.executable, "-m", "affex.pipeline.cli", "list"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (130, "Interrupted.\n")
