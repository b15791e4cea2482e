"""The digest of code: it covers what computes a result, and nothing else."""

import os
import subprocess
import sys
import types
from pathlib import Path

import pytest
from conftest import ROOT
from farm import altered
from test_experiment import FEATURES, SVM, table
from test_house import MODULES, imports

from affex.pipeline.storage import provenance
from affex.pipeline.storage.provenance import closure, code_digest
from affex.pipeline.workspace.experiment import EVALUATING, FUSING

#: An edit of the report, and what a run says that is not computed again.
REPORT = ("pipeline/reporting/tables.py", "import io\n", "import io  # edited\n")
KEPT = "it is not computed again"


@pytest.mark.parametrize("module", [name for name in MODULES if name != "affex.opening"])
def test_imports_are_found_as_ast_finds_them(module):
    found = set(provenance._named(MODULES[module].read_bytes()))
    assert found == {name for name in imports(module) if f"{name}.".startswith("affex.")}


def test_the_code_of_an_evaluation_is_what_computes_it():
    code = closure([*EVALUATING, "affex.classifiers.svm"])
    computing = (
        "classifiers.estimators.svm classifiers.base pipeline.evaluation.metrics pipeline.evaluation.evaluate "
        "pipeline.streams.table pipeline.caching.store pipeline.specs.pooling pipeline"
    )
    assert {f"affex.{name}" for name in computing.split()} <= code
    rooms = {name.split(".")[2] for name in code if name.startswith("affex.pipeline.")}
    assert not rooms & {"reporting", "workspace", "cli", "contact_sheet", "exchange", "models", "fusion", "extraction"}
    others = {
        "affex.classifiers.gmm",
        "affex.classifiers.xgboost",
        "affex.features.faces",
        "affex.pipeline.corpora.emodb",
    }
    assert not others & code


def test_a_lazy_import_counts():
    """`Stacked` imports its machine inside a function."""
    assert "affex.classifiers.estimators.svm" in closure(FUSING)
    assert "affex.pipeline.reporting" not in closure(FUSING)


def test_code_that_is_asked_for_alone_brings_nothing_along():
    module = "affex.pipeline.reporting.tables"
    assert len({code_digest(), code_digest(FUSING), code_digest(FUSING, alone=[module])}) == 3
    assert code_digest(FUSING, alone=[module]) != code_digest([*FUSING, module])


def test_a_module_outside_affex_counts_with_its_file_and_what_it_imports():
    code = closure([__name__])
    assert {__name__, "affex.pipeline.workspace.experiment"} <= code


def test_an_unknown_module_is_an_error():
    with pytest.raises(LookupError, match="nothing is no module"):
        code_digest(["affex.pipeline.nothing"])


def test_a_module_without_a_file_never_gives_the_same_digest_again(monkeypatch):
    """As a class of a notebook, which may be written anew in the same process."""
    monkeypatch.setitem(sys.modules, "typed_in", types.ModuleType("typed_in"))
    assert code_digest(["typed_in"]) != code_digest(["typed_in"])
    assert code_digest([__name__]) == code_digest([__name__])


def digest_of(code: Path, first: str = "pass") -> str:
    """Return the digest of fusing, as a new process in a copy of affex gives it."""
    script = f"from affex.pipeline.storage import provenance as p; {first}; print(p.code_digest({FUSING}))"
    environment = {**os.environ, "PYTHONPATH": str(code)}
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=code, env=environment, check=True, capture_output=True, text=True).stdout


def test_a_file_that_changed_after_a_process_began_gives_a_digest_that_no_other_process_gives(tmp_path):
    code, edited = altered(tmp_path, *REPORT), tmp_path / "affex" / "pipeline" / "fusion" / "rules.py"
    edit = f"f = open({str(edited)!r}, 'a'); f.write('x = 1'); f.close()"
    before = digest_of(code)
    meanwhile = digest_of(code, edit)
    assert len({before, meanwhile, digest_of(code)}) == 3
    assert digest_of(code) == digest_of(code)


def evaluate(path: Path, code: Path) -> str:
    """Return what `affex evaluate` prints in a process that imports a copy of affex."""
    command = [sys.executable, "-m", "affex.pipeline.cli", "evaluate", "--dataset", "csv", "--data", str(path)]
    command += ["--cache", str(path.parent / "cache"), "--features", FEATURES, "--classifier", SVM]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AFFEX_")} | {"PYTHONPATH": str(code)}
    done = subprocess.run(
        [*command, "--scheduler", "inline", "--jobs", "1"], cwd=code, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def edit(code: Path, module: str) -> None:
    with (code / "affex" / module).open("a", encoding="utf-8") as source:
        source.write("# edited\n")


@pytest.mark.parametrize(
    "module",
    ["classifiers/estimators/svm.py", pytest.param("pipeline/evaluation/metrics.py", marks=pytest.mark.slow)],
)
def test_an_edit_of_the_report_retrains_nothing_and_one_of_the_machine_or_of_a_figure_does(module, tmp_path):
    path, code = table(tmp_path), altered(tmp_path / "code", *REPORT)
    assert KEPT not in evaluate(path, ROOT)
    edit(code, "classifiers/gmm.py")
    assert KEPT in evaluate(path, code)
    edit(code, module)
    assert KEPT not in evaluate(path, code)
