"""The rules of the house, held by reading its sources."""

import ast
import importlib
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from affex.pipeline.storage import provenance

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("affex.pipeline", "affex.features", "affex.classifiers")

#: What the user fixed, by import name.
FIXED = "opensmile librosa cv2 dlib face_alignment torch h5py sklearn xgboost joblib dask"

#: What a library's import name may be found in; whatever else imports it breaks the rule.
DOORS = {
    # And in the reader of a weight file that is published as HDF5, and of what others exchange.
    "h5py": {
        "affex.pipeline.caching.store",
        "affex.pipeline.media.csd",
        "affex.pipeline.media.csd_child",
        "affex.features.networks.mini_xception",
    },
    "dask": {"affex.pipeline.execution.local"},
    "distributed": {f"affex.pipeline.execution.{room}" for room in ("stages", "local")},
    "av": {
        *(
            f"affex.pipeline.media.{room}"
            for room in ("clock", "sound", "timeline", "colour", "length", "probe", "stills", "header")
        ),
        "affex.pipeline.corpora.demo",
    },
    "soxr": {"affex.pipeline.media.audio", "affex.pipeline.corpora.demo"},
    "soundfile": {"affex.pipeline.media.audio", "affex.pipeline.media.length", "affex.pipeline.corpora.demo"},
    "audformat": {"affex.pipeline.exchange.database"},
    "pyarrow": {"affex.pipeline.exchange.parquet", "affex.pipeline.exchange.nested"},
    "transformers": {"affex.features.networks.speech"},
    "mlflow": {"affex.pipeline.reporting.mlflow_log"},
    "pandas": {
        *(f"affex.pipeline.exchange.{room}" for room in ("arff", "rows", "csvs", "database")),
        *(f"affex.{room}" for room in ("loading", "listing", "evaluating", "competing")),
    },
}


#: The rooms of `pipeline` as one walks through them: nothing flows back.
ROOMS = [
    "text",
    "storage",
    "manifest",
    "media",
    "corpora",
    "specs",
    "caching",
    "execution",
    "serving",
    "extraction",
    "streams",
    "evaluation",
    "statistics",
    "systems",
    "fusion",
    "reporting",
    "publishing",
    "contact_sheet",
    "pages",
    "workspace",
    "models",
    "exchange",
    "verification",
    "cli",
]


def sources() -> dict[str, Path]:
    """Return every module of affex, by its dotted name."""
    folders = {package: ROOT / package.removeprefix("affex.") for package in ("affex", *PACKAGES)}
    paths = [(package, folder, path) for package, folder in folders.items() for path in sorted(folder.rglob("*.py"))]
    names = (".".join((package, *path.relative_to(folder).with_suffix("").parts)) for package, folder, path in paths)
    return {name.removesuffix(".__init__"): path for name, (_, _, path) in zip(names, paths, strict=True)}


MODULES = sources()


def imports(module: str) -> Iterator[str]:
    """Yield every dotted name that a module imports anywhere, also what it takes from a package."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports by a relative path; name the module in full"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def package_of(name: str) -> str:
    """Return which of the packages of affex a dotted name lies in, or nothing."""
    return next((package for package in PACKAGES if f"{name}.".startswith(f"{package}.")), "")


def room_of(name: str) -> str:
    """Return the room of `pipeline` that a dotted name lies in, or nothing."""
    room = name.removeprefix("affex.pipeline.").partition(".")[0]
    return room if package_of(name) == "affex.pipeline" and room in ROOMS else ""


@pytest.mark.parametrize("library", FIXED.split())
def test_the_libraries_fixed_by_the_user_import(library):
    importlib.import_module(library)


@pytest.mark.parametrize("module", MODULES)
def test_features_and_classifiers_are_leaves(module):
    package = package_of(module)
    forbidden = set(PACKAGES) - {package} if package in ("affex.features", "affex.classifiers") else set()
    assert not forbidden & {package_of(name) for name in imports(module)}


def test_the_rooms_are_those_that_are_walked_through():
    assert sorted(path.parent.name for path in (ROOT / "pipeline").glob("*/__init__.py")) == sorted(ROOMS)
    assert [path.name for path in (ROOT / "pipeline").glob("*.py")] == ["__init__.py"]


def test_every_package_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {name.rpartition(".")[0] if MODULES[name].name != "__init__.py" else name for name in MODULES}
    assert set(project["tool"]["setuptools"]["packages"]) == packages


@pytest.mark.parametrize("folder", ["features", "classifiers"])
def test_the_folders_of_plugins_hold_plugins(folder):
    others = {"__init__", "base"}
    modules = [f"affex.{folder}.{path.stem}" for path in (ROOT / folder).glob("*.py") if path.stem not in others]
    assert not [name for name in modules if not hasattr(importlib.import_module(name), "PRESETS")]


@pytest.mark.parametrize("module", [module for module in MODULES if module.count(".") > 1 and "pipeline" in module])
def test_nothing_flows_back(module):
    later = ROOMS[ROOMS.index(room_of(module)) + 1 :]
    assert not [name for name in imports(module) if room_of(name) in later]


@pytest.mark.parametrize("module", MODULES)
def test_one_library_has_one_door(module):
    libraries = {name.partition(".")[0] for name in imports(module)}
    assert not [library for library in libraries if module not in DOORS.get(library, {module})]


def test_imports_run_in_no_circle():
    needs = {module: sorted(set(imports(module)) & set(MODULES)) for module in MODULES}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module not in done:
            for needed in needs[module]:
                visit(needed, (*trail, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


@pytest.mark.parametrize("module", MODULES)
def test_a_module_can_be_read_in_a_sitting(module):
    text = MODULES[module].read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "a module's docstring says which arrow of the flow it is"
    assert len(text.splitlines()) <= 500
    assert "util" not in module.rpartition(".")[2]


def makefile() -> str:
    return (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.fixture
def make_help() -> str:
    if shutil.which("make") is None:
        pytest.skip("no make on this machine")
    return subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_make_help_lists_every_target(make_help):
    targets = re.search(r"^\.PHONY: (.*)$", makefile(), re.MULTILINE)[1].split()
    assert {"install", "features", "evaluate", "demo", "test", "check"} <= set(targets)
    assert sorted(re.findall(r"^  make ([\w-]+) ", make_help, re.MULTILINE)) == sorted(targets)


def test_make_help_lists_every_variable(make_help):
    options = re.search(r"^OPTIONS := ((?:.*\\\n)*.*)$", makefile(), re.MULTILINE)[1]
    names = set(options.replace("\\", " ").split()) | set(re.findall(r"^(\w+) \?=", makefile(), re.MULTILINE))
    assert {"DATASET", "TORCH"} <= names
    assert names <= set(re.findall(r"^  ([A-Z_]+) ", make_help, re.MULTILINE))


def test_make_without_a_target_is_make_help(make_help):
    assert make_help == subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_make_tells_a_run_what_it_was_told(make_help, tmp_path):
    affex = tmp_path / "affex"
    affex.write_text('#!/bin/sh\nprintf "%s|" "$1" "$2" "$AFFEX_DATA" "$AFFEX_CLASSES" "${AFFEX_SEED-unset}"\n')
    affex.chmod(0o755)
    told = {"DATA": "Björns 'neue' \"Daten\"/a b", "CLASSES": "ang,hap+exc", "SEED": ""}
    (tmp_path / "installed").touch()
    command = ["make", "-s", "-j4", "features", "evaluate", f"BIN={tmp_path}", f"INSTALLED={tmp_path / 'installed'}"]
    command += [f"{name}={value}" for name, value in told.items()]
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, encoding="utf-8").stdout
    verbs = ("features", "evaluate")
    assert shown == "".join(f"--from-make|{verb}|{told['DATA']}|ang,hap+exc|unset|" for verb in verbs)


def tracked_files() -> list[Path]:
    git = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a checkout of git, or no git")
    names = subprocess.run(git, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_machine_or_a_package_index():
    elsewhere = re.compile(r"/(?:work|root|opt)/|pypi\.|pythonhosted\.|deb\.debian|registry\.npm")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line}"
        for path in tracked_files()
        for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").splitlines(), 1)
        if elsewhere.search(line)
    ]
    assert not found


def test_every_locked_package_has_its_licence_in_the_docs():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    page = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8").partition("## What affex imports")[2]
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", page, re.MULTILINE)) == locked


def test_every_direct_requirement_is_in_the_lock():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.match(r"[A-Za-z0-9-]+", requirement)[0] for requirement in wanted}
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    other_builds = {other for name, other in provenance.BUILDS.items() if name in locked}
    assert names <= locked | other_builds
    assert not locked & other_builds


@pytest.mark.parametrize(
    "path",
    [path for room in ("benchmarks", "tests", "tools") for path in sorted((ROOT / room).glob("*.py"))],
    ids=lambda path: path.name,
)
def test_a_script_reads_the_options_that_it_declares(path: Path):
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    declared = {name for node in nodes if isinstance(node, ast.Call) for name in option_of(node)}
    parsed = {ast.unparse(node.targets[0]) for node in nodes if isinstance(node, ast.Assign) and is_parsed(node.value)}
    parsed |= {node.arg for node in nodes if isinstance(node, ast.arg) and "Namespace" in ast.unparse(node)}
    owners = [(node.attr, node.value) for node in nodes if isinstance(node, ast.Attribute)]
    read = {name for name, owner in owners if is_parsed(owner) or ast.unparse(owner) in parsed}
    assert read == declared


def is_parsed(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "parse_args"


def option_of(call: ast.Call) -> list[str]:
    """Return the attribute that a call adds to the parsed options; none if it adds no option."""
    if not (isinstance(call.func, ast.Attribute) and call.func.attr in ("add_argument", "add_subparsers")):
        return []
    named = [keyword.value for keyword in call.keywords if keyword.arg == "dest"] or call.args
    names = [node.value for node in named if isinstance(node, ast.Constant)]
    long = [name for name in names if name.startswith("--")] or names
    return [long[0].lstrip("-").replace("-", "_")]
