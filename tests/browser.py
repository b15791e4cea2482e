"""A real browser for pages: the installed Chromium, driven by Playwright, with axe-core's checks of accessibility."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: The names of the program in distributions.
NAMES = ("chromium", "chromium-browser", "google-chrome")
#: A browser in a test has no user, no screen and no network.
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--no-first-run")  # fmt: skip
#: The ways in which people look at a page.
WAYS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
}
#: The findings of axe-core that count.
SERIOUS = {"serious", "critical"}


@dataclass
class Seen:
    """What a browser found while it showed a page.

    Parameters
    ----------
    errors
        Messages of the console, and errors of scripts.
    requests
        Addresses that were asked for, other than the page itself and what it contains.
    overflow
        By how much the page is wider than the window, px.
    findings
        Serious findings of axe-core, as rule and element.
    """

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    overflow: int = 0
    findings: list[str] = field(default_factory=list)


def program() -> str | None:
    """Return the path of the browser; None if none is installed."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def opened() -> Iterator[Any]:
    """Open the browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=[*ARGUMENTS])
        yield browser
        browser.close()


@contextmanager
def showing(browser: Any, path: Path, way: str = "desktop") -> Iterator[tuple[Any, Seen]]:
    """Show a page; yield it and what the browser finds, whose console and requests grow while it is open."""
    context, seen = browser.new_context(**WAYS[way]), Seen()
    page = context.new_page()
    page.on("console", lambda message: seen.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("request", lambda request: seen.requests.append(request.url) if _is_foreign(request.url, path) else None)
    page.goto(path.resolve().as_uri())
    seen.overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    try:
        yield page, seen
    finally:
        context.close()


def _is_foreign(address: str, path: Path) -> bool:
    return not address.startswith("data:") and address.partition("#")[0] != path.resolve().as_uri()


def looked_at(browser: Any, path: Path, way: str = "desktop") -> Seen:
    """Return what the browser and, but for a phone, which shows the same elements, axe-core find on a page."""
    from axe_playwright_python.sync_playwright import Axe

    with showing(browser, path, way) as (page, seen):
        for finding in Axe().run(page).response["violations"] if way != "phone" else ():
            if finding["impact"] in SERIOUS:
                seen.findings += [f"{finding['id']}: {node['html'][:200]}" for node in finding["nodes"]]
    return seen
