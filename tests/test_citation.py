"""CITATION.cff is valid, and names the version and the licence that the package has."""

import re
import tomllib

import pytest
import yaml
from conftest import ROOT

from affex.version import __version__

#: The required members of version 1.2.0, and the others that stand in the file
#: (https://github.com/citation-file-format/citation-file-format, schema-guide.md).
REQUIRED = {"cff-version", "message", "title", "authors"}
OPTIONAL = {"type", "abstract", "version", "license", "keywords"}


@pytest.fixture(scope="module")
def citation() -> dict:
    return yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def test_it_has_the_members_of_the_format_with_their_types(citation):
    assert citation.keys() >= REQUIRED
    assert citation.keys() <= REQUIRED | OPTIONAL
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] in ("software", "dataset")
    texts = {name: value for name, value in citation.items() if name not in ("authors", "keywords")}
    assert all(isinstance(value, str) and value for value in texts.values())
    assert all(isinstance(word, str) for word in citation["keywords"])
    assert len(set(citation["keywords"])) == len(citation["keywords"])


def test_its_authors_are_those_of_the_licence_and_nobody_is_invented(citation):
    assert citation["authors"] == [{"name": "The affex authors"}]
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert re.search(r"Copyright \(c\) \d+ the affex authors", licence)


def test_version_and_licence_are_those_of_the_package(citation):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["version"] == __version__ == project["version"]
    assert citation["license"] == project["license"]
    assert citation["title"] == project["name"]
