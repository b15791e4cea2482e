"""Build the site of the documentation.

::

    .venv/bin/python tools/docs_site.py FOLDER [--quick]

The site goes to FOLDER/html; its pages are gathered in FOLDER/source first: those of `docs`, those of the repository
that belong to it (CONTRIBUTING, CHANGELOG, the cache's), and the options of every command, written from the command
itself. So the sources stay as they are, and their links work where they lie, too. The examples of the gallery are run
there, with a cache of their own; one that did not change is not run again. With ``--quick`` none is run. Any warning is
an error.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from commands_page import page as commands_page

ROOT = Path(__file__).resolve().parents[1]
#: Pages beside `docs`, and their names on the site.
OTHERS = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "cache/README.md": "cache.md",
    "README.md": "index.md",
    "LICENSE": "LICENSE",
}
#: What is no page.
LEFT_OUT = shutil.ignore_patterns("_build", "__pycache__", ".*")


def main() -> int:
    """Build the site, and print where its front page is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="run no example of the gallery")
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    gather(folder / "source")
    ended = build(folder / "source", folder / "html", quick=arguments.quick)
    if ended == 0:
        print(f"The front page: {os.path.relpath(folder / 'html' / 'index.html')}")
    return ended


def gather(target: Path) -> None:
    """Put all pages into one folder; those that did not change keep their time, and Sphinx does not read them again."""
    target.mkdir(parents=True, exist_ok=True)
    fresh = target.parent / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(ROOT / "docs", fresh, ignore=LEFT_OUT)
    for page in fresh.rglob("*.md"):
        page.write_text(within_docs(page.read_text(encoding="utf-8")), encoding="utf-8")
    for name, page in OTHERS.items():
        if not (fresh / page).exists():
            text = (ROOT / name).read_text(encoding="utf-8")
            (fresh / page).write_text(beside_docs(text), encoding="utf-8")
    (fresh / "command-line.md").write_text(commands_page(), encoding="utf-8")
    for path in sorted(path for path in fresh.rglob("*") if path.is_file()):
        renew(path, target / path.relative_to(fresh))
    for path in sorted(target.glob("*.md")):
        if not (fresh / path.name).exists():
            path.unlink()
    shutil.rmtree(fresh)


def renew(path: Path, target: Path) -> None:
    """Copy a file, unless it is there with the same bytes."""
    if not target.exists() or target.read_bytes() != path.read_bytes():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def within_docs(text: str) -> str:
    """Return a page of `docs` with links to the site's own pages in place of those to files beside the folder."""
    return re.sub(r"\]\(\.\./([\w./]+)", lambda link: f"]({OTHERS[link[1]]}", text)


def beside_docs(text: str) -> str:
    """Return a page from beside `docs` with links to the site's own pages."""
    text = re.sub(r"\]\((?:\.\./)?docs/", "](", text)
    return re.sub(r"\]\(([\w./]+)", lambda link: f"]({OTHERS.get(link[1], link[1])}", text)


def build(source: Path, target: Path, *, quick: bool) -> int:
    """Run Sphinx; return its exit code, which is not 0 after a warning."""
    options = ["-D", "plot_gallery=0"] if quick else []
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "--keep-going", "-q", "-b", "html", *options]
    return subprocess.run([*command, source, target], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
