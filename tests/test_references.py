"""References: each is complete, cited and can be found; plugins may bring their own; nothing in a text steers LaTeX."""

import re
from pathlib import Path

import pytest
from conftest import ROOT

from affex.features.faces import CITED
from affex.features.smile import SOURCES
from affex.pipeline.fusion.registry import CLASS_RULES, VALUE_RULES
from affex.pipeline.publishing.prose import Cite, as_latex, as_text, cite, cited, counted, listed
from affex.pipeline.publishing.references import AFFEX, Reference, of_system, reference, references
from affex.pipeline.specs import discovery
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.systems.system import systems
from affex.pipeline.text.latex import latex

PLUGINS = {
    **{f"corpus {name}": one.cites for name, one in discovery.corpora().items()},
    **{f"feature {name}": one.cites for name, one in discovery.feature_presets().items()},
    **{f"classifier {name}": one.cites for name, one in discovery.classifier_presets().items()},
    **{f"rule {name}": one.cites for name, one in {**CLASS_RULES, **VALUE_RULES}.items()},
    **{f"detector {name}": keys for name, keys in CITED.items()},
    "sets of openSMILE": tuple(SOURCES.values()),
}
#: A whole entry, as a plugin in one file brings it.
OWN = "@article{mine2030,\n  author = {Me},\n  title = {My corpus},\n  year = {2030},\n  doi = {10.1000/1},\n}"


def code() -> str:
    """Return all code that may cite, but not the table."""
    folders = ("pipeline", "features", "classifiers")
    return "\n".join(
        path.read_text(encoding="utf-8") for name in folders for path in sorted((ROOT / name).rglob("*.py"))
    )


@pytest.mark.parametrize("one", references().values(), ids=lambda one: one.key)
def test_a_reference_says_who_what_when_and_where(one):
    assert one.authors
    assert one.title
    assert one.year
    assert one.address.startswith("https://")
    assert re.fullmatch(r"(10\.\d{4,}/\S+)?", one.doi)
    assert re.fullmatch(r"(\d{4}\.\d{4,5})?", one.arxiv)
    assert re.fullmatch(r"[a-z]+\d{4}", one.key)
    assert one.key.endswith(str(one.year))
    assert one.where or one.kind == "misc"


def test_no_source_stands_twice():
    addresses = [one.address.casefold() for one in references().values()]
    assert len(set(addresses)) == len(addresses)


@pytest.mark.parametrize("plugin", PLUGINS)
def test_what_a_plugin_cites_is_there(plugin):
    assert all(reference(key).bibtex for key in PLUGINS[plugin])


def test_every_reference_is_cited_by_something():
    text = code()
    assert [key for key in references() if f'"{key}"' not in text] == []


def test_everything_that_is_cited_in_the_sentences_is_there():
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "pipeline" / "publishing").glob("*.py"))]
    keys = {key for text in texts for key in re.findall(r'"([a-z]+(?:19|20)\d\d)"', text)}
    assert keys <= references().keys()
    assert len(keys) > 10


def test_a_setting_may_bring_its_source():
    pfa = classifier_of("svm:select=pfa,keep=0.5").cites
    assert "lu2007" in pfa
    assert "lu2007" not in classifier_of("svm").cites
    assert "lu2007" in classifier_of("gmm:select=pfa,keep=0.5").cites
    assert "park2019" in classifier_of("net:augment=noise+time").cites
    assert "park2019" not in classifier_of("net:augment=noise").cites


def test_a_free_corpus_of_others_says_what_to_cite():
    without = [name for name, one in discovery.corpora().items() if not one.cites]
    assert without == ["csv", "demo"]


def test_an_entry_of_bibtex():
    made = reference("burkhardt2005")
    assert made.bibtex == (
        "@inproceedings{burkhardt2005,\n"
        "  author = {Burkhardt and Paeschke and Rolfes and Sendlmeier and Weiss},\n"
        "  title = {{A database of German emotional speech}},\n"
        "  booktitle = {Interspeech},\n"
        "  year = {2005},\n"
        "  doi = {10.21437/Interspeech.2005-446},\n"
        "}\n"
    )
    assert made.label == "Burkhardt et al., 2005"
    assert reference("chang2011").label == "Chang and Lin, 2011"
    assert reference("holm1979").label == "Holm, 1979"
    assert reference("zhou2019").label == "Zhou et al., 2019"
    assert AFFEX.label == "the affex authors"


@pytest.mark.parametrize("one", [*references().values(), AFFEX], ids=lambda one: one.key)
def test_braces_of_an_entry_are_balanced(one):
    bare = re.sub(r"\\.", "", one.bibtex)
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"(?<!\\)[&%#$]", one.bibtex)


def test_a_plugin_may_bring_its_own_entry():
    own = reference(OWN)
    assert (own.key, own.year, own.bibtex) == ("mine2030", 2030, OWN + "\n")
    assert as_text(("x", Cite((own,)))) == "x (mine2030)"


@pytest.mark.parametrize("text", ["nobody1999", "@", "@article", "@article{}", ""])
def test_what_is_neither_key_nor_entry_is_an_error(text):
    with pytest.raises(KeyError, match=r"neither a key of references.toml nor a BibTeX entry"):
        reference(text)


@pytest.mark.parametrize("one", systems().values(), ids=lambda one: one.name)
def test_a_system_brings_its_paper(one):
    paper = of_system(one)
    assert paper.title
    assert not one.doi or one.doi in (paper.doi, f"arXiv:{paper.arxiv}")


def test_the_paper_of_a_system_is_the_shared_reference_if_there_is_one():
    assert of_system(systems()["poria2017-bclstm"]) is reference("poria2017")
    kim = of_system(systems()["kim2016"])
    assert (kim.key, kim.authors, kim.year) == ("kim2016", ("Kim", "Mower Provost"), 2016)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("50 % of R&D_1 #2 $x$", r"50 \% of R\&D\_1 \#2 \$x\$"),
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("~^<>|", r"\textasciitilde{}\textasciicircum{}\textless{}\textgreater{}\textbar{}"),
        ("Wöllmer, André, Šimko, Plöger", r"W{\"o}llmer, Andr{\'e}, {\v S}imko, Pl{\"o}ger"),
        ("two\nlines", r"two\textbackslash{}nlines"),
        ("怒り", "怒り"),
    ],
)
def test_latex_prints_a_text(text, printed):
    assert latex(text) == printed


def test_prose():
    words = ("a_b", *cite("holm1979", "lin1989", "holm1979"), ".", *cite())
    assert as_text(words) == "a_b (Holm, 1979; Lin, 1989)."
    assert as_latex(words) == r"a\_b~\cite{holm1979,lin1989}."
    assert [one.key for one in cited((*words, *words))] == ["holm1979", "lin1989"]
    assert [listed([]), listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert [counted(0, "fold"), counted(1, "fold"), counted(2, "fold")] == ["0 folds", "1 fold", "2 folds"]


def test_the_table_is_shipped():
    assert '"affex.pipeline.publishing" = ["references.toml"]' in Path(ROOT, "pyproject.toml").read_text(
        encoding="utf-8"
    )


def test_a_reference_of_one_field():
    assert Reference(key="x", title="T").bibtex == "@misc{x,\n  title = {{T}},\n}\n"
    assert Reference(key="x", url="https://x").address == "https://x"
