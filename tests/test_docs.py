"""The documentation: it builds without a warning, no link of it is broken, and what it shows was run.

Quick tests run with the suite. Those marked ``docs`` (``make test-docs``, half an hour) type every command and run
every block that README, CONTRIBUTING and docs show, as a reader would, in a checkout with corpora that stand in
(`shells`).
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import groupby
from pathlib import Path
from urllib.parse import unquote

import blocks
import nbclient
import nbformat
import pytest
import shells
from conftest import ROOT

import affex
from affex.pipeline.cli.command import cli

PAGES = [page.relative_to(ROOT).as_posix() for page in blocks.pages()]
SCRIPTS = sorted((ROOT / "docs" / "gallery").glob("*.py"))
#: Where a checkout's modules stand under their import names.
LINKS = ".links"

# What is shown ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_run_or_says_why_not(page: str) -> None:
    for block in blocks.of(ROOT / page):
        assert block.language, f"{block.where}: a block without a language; expected sh, python, console, text ..."
        if block.language in blocks.RUN:
            require_accounted(block)


def require_accounted(block: blocks.Block) -> None:
    """Fail if a block is neither run nor has a reason from the list."""
    known = not block.marker or block.marker == "one shell" or block.file or block.runner or block.reason
    assert known, f"{block.where}: the marker '{block.marker}' says nothing that a test reads; see tests/blocks.py"
    if block.reason:
        assert block.reason in blocks.REASONS, f"{block.where}: '{block.reason}' is none of {[*blocks.REASONS]}"
    elif block.runner:
        code = (ROOT / block.runner).read_text(encoding="utf-8")
        assert Path(block.page).name in code, f"{block.where}: {block.runner} does not read this page"
    elif block.language != "python":
        outlines = [one for one in block.commands if shells.Shown(block.page, one).is_outline]
        assert not outlines, f"{block.where}: {outlines[0]} cannot be typed as it stands; say why it is not run"


def test_all_commands_of_blocks_are_among_those_that_are_typed() -> None:
    typed = {(one.page, one.command) for one in shells.shown()}
    for block in blocks.shown():
        if block.language in ("sh", "console"):
            assert {(block.page, command) for command in block.commands} <= typed


def test_a_block_that_says_nothing_is_seen() -> None:
    for marker in ("skipped", "not run: I was lazy", "tests/test_readme.py runs this"):
        with pytest.raises(AssertionError):
            require_accounted(blocks.Block("docs/usage.md", 1, "sh", "make list\n", marker))
    with pytest.raises(AssertionError, match="cannot be typed"):
        require_accounted(blocks.Block("docs/usage.md", 1, "sh", "make test\n", ""))


def test_each_test_that_a_page_names_is_there() -> None:
    page = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
    file = ""
    named = re.findall(r"`(tests/[\w/]+\.py)?(?:::(test_\w+))?`", page)
    assert len([test for _, test in named if test]) > 20
    for path, test in named:
        file = path or file
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8") if test else (ROOT / file).is_file(), (
            f"docs/trust.md: {file}::{test} is gone"
        )


# The site --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site without running the gallery; return its folder."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, ROOT / "tools" / "docs_site.py", folder, "--quick"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "index.html" in ended.stdout
    return folder / "html"


class Page(HTMLParser):
    """What a page of the site holds: its anchors, its links, what it loads, pictures without words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.wordless: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Take what a tag has."""
        found = {name: value or "" for name, value in attributes}
        self.ids |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif found.get("rel") not in ("canonical", "author"):
            self.loaded += [found[name] for name in ("src", "href", "data", "poster") if name in found]
        if tag == "img" and not found.get("alt") and "_thumb" not in found["src"]:  # which stands beside its title
            self.wordless.append(found["src"])


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    """Return all pages of the site by their paths in it."""
    return {
        path.relative_to(site).as_posix(): Page(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
    }


def is_elsewhere(link: str) -> bool:
    return bool(re.match(r"[a-z]+:|//", link)) and not link.startswith("data:")


def test_nothing_is_loaded_from_a_network(site: Path, pages: dict[str, Page]) -> None:
    assert len(pages) > 30
    for name, page in pages.items():
        assert not [link for link in page.loaded if is_elsewhere(link)], name
    for style in site.rglob("*.css"):
        assert not re.findall(r"url\(['\"]?(?:https?:)?//|@import", style.read_text(encoding="utf-8")), style.name


def test_no_link_of_the_site_is_broken(site: Path, pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        for link in (*page.links, *page.loaded):
            path, _, anchor = unquote(link).partition("#")
            if is_elsewhere(link) or link.startswith("data:"):
                continue
            target = (site / name).parent / path.partition("?")[0] if path else site / name
            assert target.is_file(), f"{name}: {link} is not there"
            if anchor and target.suffix == ".html":
                there = pages[target.resolve().relative_to(site.resolve()).as_posix()]
                assert anchor in there.ids, f"{name}: {link} has no such anchor"


def test_every_picture_has_words(pages: dict[str, Page]) -> None:
    assert not {name: page.wordless for name, page in pages.items() if page.wordless}


def test_every_public_name_is_in_the_reference(pages: dict[str, Page]) -> None:
    missing = {f"affex.{name}" for name in affex.__all__} - pages["reference.html"].ids
    assert not missing


def test_every_verb_has_its_options_on_a_page(site: Path) -> None:
    text = (site / "command-line.html").read_text(encoding="utf-8")
    for name, verb in cli.commands.items():
        assert f">affex {name}<" in text
        for option in verb.params:
            assert option.opts[0] in text, f"{name}: {option.opts[0]}"


def test_the_gallery_has_scripts_with_words_and_colours_for_everybody() -> None:
    assert len(SCRIPTS) >= 8
    for script in SCRIPTS:
        code = script.read_text(encoding="utf-8")
        assert script.name.startswith("plot_")
        assert "figure.set_label(" in code, f"{script.name}: the figure has no text alternative"
        assert not re.search(r"jet|rainbow|hsv|[\"'](?:red|green)[\"']", code), (
            f"{script.name}: colours that some mix up"
        )
        compile(code, script, "exec")


# Markdown as it is read beside the code ------------------------------------------------------------------

MARKDOWN = [*blocks.pages(), ROOT / "CHANGELOG.md"]


def anchors(page: Path) -> set[str]:
    """Return the anchors that the headings of a page get where repositories are read."""
    text = blocks.BLOCK.sub("", page.read_text(encoding="utf-8"))
    slugs: list[str] = []
    for heading in re.findall(r"^#{1,6} +(.+?) *$", text, re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        slugs.append(f"{slug}-{slugs.count(slug)}" if slug in slugs else slug)
    return set(slugs)


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_link_of_a_page_is_broken(page: Path) -> None:
    text = blocks.BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
        path, _, anchor = link.partition("#")
        if is_elsewhere(link):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), f"{page.name}: {link} is not there"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link} has no such heading"


# The notebook ------------------------------------------------------------------------------------------


def test_the_notebook_is_that_of_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "tools")
    import notebook

    made = notebook.notebook(notebook.PAGE.read_text(encoding="utf-8"))
    assert notebook.NOTEBOOK.read_text(encoding="utf-8") == made, "type .venv/bin/python tools/notebook.py"


#: Read by the kernel first: work stays in its process, since starting others takes longer than the notebook's work.
INLINE = "import affex.opening as _o; _o.Place.__init__.__kwdefaults__['scheduler'] = 'inline'"


@pytest.mark.parametrize("scheduler", ["inline", pytest.param("local", marks=pytest.mark.docs)])
def test_the_notebook_runs_in_a_kernel(scheduler: str, tmp_path: Path) -> None:
    notebook = nbformat.read(ROOT / "docs" / "notebook.ipynb", as_version=4)
    nbformat.validate(notebook)
    if scheduler == "inline":
        notebook.cells.insert(0, nbformat.v4.new_code_cell(INLINE))
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    shown = "\n".join(str(output) for output in outputs)
    assert re.search(r"UAR 0\.\d\d \[0\.\d\d, 1\.00\], over 4 speakers", shown)
    assert "48 utterances of 4 speakers in 4 folds, 2 classes" in shown
    assert 'install "ipywidgets"' not in shown


# Everything that is shown, typed and run -------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout with corpora that stand in, in a folder with a blank."""
    folder = tmp_path_factory.mktemp("another folder")
    made = shells.copied(folder)
    (folder / "home").mkdir()
    shells.make_all(made, folder / "home")
    subprocess.run(["make", "links"], cwd=made, check=True, capture_output=True)
    return made


@pytest.fixture
def files(checkout: Path) -> Iterator[list[Path]]:
    """Return a list of files that a page writes into the checkout; they are removed again."""
    written: list[Path] = []
    yield written
    for path in written:
        path.unlink()


@pytest.mark.docs
@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(one.language in blocks.RUN for one in blocks.of(ROOT / page))]
)
def test_what_a_page_shows_runs(page: str, checkout: Path, files: list[Path]) -> None:
    if not shutil.which("bash") or not shutil.which("make"):
        pytest.skip("no bash, or no make, on this machine")
    runnable = [
        one for one in blocks.of(ROOT / page) if one.language in blocks.RUN and not one.reason and not one.runner
    ]
    for is_python, group in groupby(runnable, lambda one: one.language == "python" and not one.file):
        if is_python:
            run_python([*group], checkout)
        for block in () if is_python else group:
            run_block(block, checkout, files)


def run_block(block: blocks.Block, checkout: Path, files: list[Path]) -> None:
    """Write the file that a block is, or type its commands."""
    if block.file:
        files.append(checkout / block.file)
        files[-1].write_text(block.code, encoding="utf-8")
        return
    output = "".join(typed(block, command, checkout) for command in block.commands)
    said = iter(output.splitlines())
    for line in block.said if block.language == "console" else ():
        pattern = re.escape(line).replace(re.escape("..."), ".*")
        assert any(re.search(pattern, one) for one in said), f"{block.where}: '{line}' was not said:\n{output[-3000:]}"


def typed(block: blocks.Block, command: str, checkout: Path) -> str:
    """Type a command in bash; return what it said."""
    # Python then imports affex from there: neither from this checkout nor from the folder in which it is typed.
    modules = {"PYTHONPATH": str(checkout / LINKS), "PYTHONSAFEPATH": "1"}
    known = shells.environment(checkout, checkout.parent / "home") | modules
    shown = shells.Shown(block.page, command)
    ended = shells.typed("bash", command if "\n" in command else shells.prepared(shown, checkout), checkout, known)
    assert ended.returncode == 0, f"{block.where}: {command}\n{ended.stdout[-3000:]}"
    return ended.stdout


def run_python(group: list[blocks.Block], checkout: Path) -> None:
    """Run blocks that follow one another as one program."""
    script = checkout / f"{Path(group[0].page).stem}_{group[0].line}.py"
    script.write_text("\n".join(block.code for block in group), encoding="utf-8")
    try:
        typed(group[0], f"python {script.name}", checkout)
    finally:
        script.unlink()


# The whole site, in a browser -------------------------------------------------------------------------------

SHOWN = ["index.html", "reference.html", "your-own-table.html", "examples/index.html", "examples/plot_pca.html"]


@pytest.mark.docs
def test_each_example_of_the_gallery_has_its_picture_with_words() -> None:
    built = ROOT / "docs" / "_build" / "html" / "examples"
    for script in SCRIPTS:
        page = Page((built / f"{script.stem}.html").read_text(encoding="utf-8"))
        assert any(f"{script.stem}_001.png" in path for path in page.loaded), script.name
        assert not page.wordless, script.name


@pytest.mark.docs
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_asks_no_network_finds_no_fault_and_everybody_can_read(width: int, scheme: str) -> None:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no Chromium on this machine")
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    heard: list[str] = []
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=program, args=options)
        page = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme).new_page()
        page.on("request", lambda request: heard.append(request.url) if is_elsewhere_of(request.url) else None)
        page.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: heard.append(str(error)))
        for name in SHOWN:
            page.goto((ROOT / "docs" / "_build" / "html" / name).as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            found = Axe().run(page, options={"preload": False}).response["violations"]
            assert not [one["id"] for one in found if one["impact"] in ("serious", "critical")], name
        browser.close()
    assert not heard


def is_elsewhere_of(url: str) -> bool:
    return not url.startswith(("file:", "data:"))
