"""The reviewers' checklist: every item of REFORMS, filled from a run, with its place; hostile text is inert."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import made_runs
import pytest
from sklearn.linear_model import LogisticRegression
from test_cli import affex
from test_methods import HOSTILE

from affex.classifiers.base import of_estimator
from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import times
from affex.pipeline.evaluation.raters import Ceiling
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.summary import summarise
from affex.pipeline.evaluation.times import Times
from affex.pipeline.fusion import fusion
from affex.pipeline.pages import checklist as pages
from affex.pipeline.publishing.checklist import MODULES, PUBLISHED, Checklist, checklist
from affex.pipeline.publishing.checklist_answers import AUTHOR, PARTLY, RUN, Answer
from affex.pipeline.reporting import comparison, inputs
from affex.pipeline.reporting.coverage import Coverage
from affex.pipeline.reporting.inputs import FaceCoverage, FailureReason, Failures, Inputs

#: How many items each module has, by letters.
LETTERS = {"1": "abc", "2": "abcde", "3": "abcdefg", "4": "abc", "5": "abcdef", "6": "abc", "7": "abc", "8": "ab"}
NUMBERS = [module + letter for module, letters in LETTERS.items() for letter in letters]
TIMES = Times(
    depends_on="ba515", began="2026-01-31T12:00:00", stages=(), folds=None, processes=2, processors=4,
    memory=8_000_000_000, system="Linux", machine="x86_64", versions={},
)  # fmt: skip
LACKING = Inputs(
    "ba515",
    (Failures("emodb", "egemaps", 66, 2, (FailureReason(2, "a", "too short: <b>0.1 s</b>"),)),),
    (FaceCoverage("face", "faces", Coverage("all", 64, 2, 100, 80, 1), ()),),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run in a cache, with the machine in its times."""
    folder = tmp_path_factory.mktemp("cache") / "emodb" / "runs" / "one-00000000"
    run = made_runs.run(folder, made_runs.result(keys=("ab" * 32,)))
    times.write(folder, TIMES)
    inputs.write(folder, LACKING)
    return run


@pytest.fixture(scope="module")
def of_values() -> Run:
    return made_runs.held(
        "valued", made_runs.result(classifier="svm:C=1,gamma=1,epsilon=0.1", protocol=made_runs.VALENCE)
    )


def answers(found: Checklist) -> dict[str, Answer]:
    return {item.number: item.answer for item in found.items}


def changed(run: Run, **summary: object) -> Run:
    return replace(run, summary=replace(run.summary, **summary))


def test_all_items_are_there_in_the_published_order(written):
    found = checklist(written)
    assert [item.number for item in found.items] == NUMBERS
    assert len(NUMBERS) == 32
    assert len(MODULES) == 8
    assert all(item.module.startswith(item.number[0]) for item in found.items)


def test_twenty_items_and_more_are_filled_from_a_run(written, of_values):
    members = [written, replace(written, name="two", folder=Path("two"))]
    fused = made_runs.held("fused", fusion.late(members, "vote"))
    for run in (written, of_values, fused):
        found = checklist(run)
        assert found.counts[RUN] + found.counts[PARTLY] >= 20
        assert {*found.of_author} - {"2e"} == {"1b", "1c", "3c"}  # only the first has its settings in a folder
        assert "not applicable" not in str(found).casefold()
    assert checklist(written).counts[RUN] >= 20
    assert checklist(written).in_words.startswith(
        "29 of 32 items of REFORMS are filled from the run, 9 of them in part"
    )


def test_every_answer_says_where_it_comes_from_or_what_the_author_must_say(written):
    for number, answer in answers(checklist(written)).items():
        assert bool(answer.text) == bool(answer.source) == (answer.status != AUTHOR), number
        assert bool(answer.open) == (answer.status != RUN), number


def test_the_named_fields_are_in_the_record(written):
    record = json.loads((written.folder / "metrics.json").read_text(encoding="utf-8"))
    for answer in answers(checklist(written)).values():
        for named in re.findall(r"metrics\.json: ([^;]+)", answer.source):
            assert all(_has(record, field.strip().split(".")) for field in named.split(",")), named


def _has(record: object, names: list[str]) -> bool:
    if not names:
        return True
    inside = record[0] if isinstance(record, list) else record
    if isinstance(inside, dict) and names[0] not in inside:  # a table by name, such as that of figures
        inside = next(iter(inside.values()), {})
    return isinstance(inside, dict) and names[0] in inside and _has(inside[names[0]], names[1:])


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("1a", "How well does logistic regression on eGeMAPSv02 functionals"),
        ("2a", "https://doi.org/10.5281/zenodo.7447302 (licence: free for research"),
        ("2a", "code and versions: ba515"),
        ("2b", "egemaps abababababab"),
        (
            "2c",
            "Machine: system = Linux, type of processor = x86_64, logical processors = 4, memory = 8.0 GB, processes",
        ),
        ("3a", "535 acted utterances, 16 kHz mono wav, German"),
        ("3d", "The class of label: anger 16, joy 16, neutral 16 and sadness 16; all 4 speakers have all 4 classes."),
        ("3e", "64 utterances of 4 speakers were tested in 4 folds, each trained on 48 utterances."),
        (
            "3f",
            "No utterance was left out. 2 of 66 utterances of emodb have no rows of egemaps (2: too short: <b>0.1 s",
        ),
        ("3f", "A face was found in 80.0% of the frames of face."),
        ("3g", "sex f: 32 utterances of 2 and sex m: 32 utterances of 2 speakers."),
        ("4b", "2 of 66 utterances of emodb have no rows of egemaps"),
        ("4a", "Left out: nothing. Rules of the protocol 'loso' on what counts: none."),
        ("4c", "missing values become the column's mean and columns are z-scored"),
        ("5a", "logistic regression on egemaps (C = 1)"),
        ("5d", "Nothing was chosen: all settings were fixed beforehand."),
        ("5f", "No published figure of this corpus"),
        ("6a", "is fitted inside the training part of each of 4 folds"),
        ("7a", "UAR: the unweighted average recall, the mean of the classes' recalls (Schuller et al., 2009)"),
        ("7b", "Quenouille, 1956; Tukey, 1958"),
        ("7b", "Expected calibration error of the decisions 0."),
        ("8b", "EMO-DB: German only, acted speech, not spontaneous."),
    ],
)
def test_the_answers_of_a_run(written, number, words):
    assert words in answers(checklist(written))[number].text


def test_times_and_inputs_of_another_run_are_not_taken(written, tmp_path):
    times.write(tmp_path, replace(TIMES, depends_on="other"))
    inputs.write(tmp_path, replace(LACKING, depends_on="other"))
    said = answers(checklist(replace(written, folder=tmp_path)))
    assert said["2c"].status == PARTLY
    assert "no rows of" not in said["3f"].text


def test_the_answers_on_values(of_values):
    said = answers(checklist(of_values))
    assert said["3d"].text.startswith("The value of valence: mean = ")
    assert "CCC comes first" in said["7a"].text
    assert said["2e"].status == AUTHOR  # this one has no settings in its folder


def test_an_unknown_machine_is_the_authors(written, tmp_path):
    whole = (written.folder / times.FILE).read_text(encoding="utf-8")
    for content in (
        None,
        "{",
        "[]",
        whole.replace('"processors": 4', '"processors": 9'),
        whole.replace("ba515", "other"),
    ):
        if content is not None:
            (tmp_path / times.FILE).write_text(content, encoding="utf-8")
        answer = answers(checklist(replace(written, folder=tmp_path)))["2c"]
        assert (answer.status, answer.open) == (PARTLY, "The machine: processors, memory, accelerator.")


def test_leaks_and_transduction_are_said(written):
    leaky = answers(checklist(changed(written, leaks=("2 speakers on both sides",), transductive="transductive: so")))
    assert leaky["6a"].text == "They are not: 2 speakers on both sides."
    assert "2 speakers on both sides" in leaky["6b"].text
    assert "figures are too good: 2 speakers on both sides" in leaky["8b"].text
    assert "transductive: so" in leaky["4c"].text


def test_notes_go_to_their_items(written):
    notes = (
        "3 utterances are digital silence",
        "column 'row' reveals the label",
        "5 texts on both sides of 2 of 4 folds",
    )
    said = answers(checklist(changed(written, notes=notes, left_out={"without a label": 2})))
    assert notes[0] in said["4b"].text
    assert notes[1] in said["6c"].text
    assert notes[2] in said["6b"].text
    assert "2 utterances without a label did not count." in said["3f"].text


def test_people_are_what_figures_are_held_against(written):
    ceiling = Ceiling("uar", 0.75, n_judgements=12, n_utterances=5, n_classes=3, n_ties=0, n_outside=0, n_alone=0)
    said = answers(checklist(changed(written, ceiling=ceiling)))
    assert "UAR 0.750 over 12 votes on 5 utterances" in said["5f"].text
    assert "12 judgements" in said["3a"].text


def test_another_corpus_is_outside_evidence(written):
    cross = replace(written.summary.about, protocol=Protocol("cross", "cross", train="emodb", test="ravdess"))
    assert answers(checklist(changed(written, about=cross)))["8a"].status == RUN
    assert answers(checklist(written))["8a"].status == PARTLY


def test_a_table_of_ones_own_leaves_more_to_the_author(written):
    own = checklist(changed(written, about=replace(written.summary.about, corpus="mine")))
    assert {"3a", "3b"} <= {*own.of_author}
    assert answers(own)["3g"].text.startswith("Tested, by what is known of the utterances: ")
    assert answers(own)["2a"].status == PARTLY


def test_a_corpus_that_affex_makes_has_no_open_source(written):
    said = answers(checklist(changed(written, about=replace(written.summary.about, corpus="demo"))))
    assert {number: said[number].status for number in ("2a", "3a", "3b")} == dict.fromkeys(("2a", "3a", "3b"), RUN)
    assert "No person speaks." in said["3b"].text


def test_a_passed_estimator_is_repeated_by_its_author():
    run = made_runs.held("passed", made_runs.result(classifier=of_estimator(LogisticRegression())))
    said = answers(checklist(run))
    assert (said["2b"].status, said["2e"].status) == (PARTLY, AUTHOR)
    assert "its parameters in the record" in said["5a"].text


def test_comparisons_that_the_run_is_part_of_are_its_tests(written):
    assert answers(checklist(written))["7c"].status == PARTLY
    other = replace(made_runs.held("two", made_runs.result(classifier="lda")), folder=Path("two"))
    folder = written.folder.parent.parent / "comparisons" / "uar_one"
    comparison.write(comparison.compare([written, other]), folder)
    found = answers(checklist(written))["7c"]
    assert found.status == RUN
    assert "Paired permutation test of UAR over 4 speakers" in found.text
    assert found.source == "comparisons/uar_one/comparison.json"
    record = folder / "comparison.json"
    record.write_text(record.read_text(encoding="utf-8").replace("0.05", "0.06"), encoding="utf-8")
    assert answers(checklist(written))["7c"].status == PARTLY


# What is written


class Seen(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_and_the_text_say_the_same(written):
    found = pages.write(written)
    page = Seen((written.folder / pages.HTML).read_text(encoding="utf-8"))
    text = (written.folder / pages.MARKDOWN).read_text(encoding="utf-8")
    assert found.in_words in page.text
    for item in found.items:
        assert f"{item.number} {item.subject}" in page.text
        assert f"\n### {item.number} {item.subject}\n" in text
        assert " ".join(item.answer.text.split()) in " ".join(page.text.split())
    assert [address for address in page.addresses if "//" in address] == [PUBLISHED]
    assert page.tags.count("script") == 1
    assert text.count("](") == 1


def test_the_run_stays_whole(written):
    before = (written.folder / "metrics.json").read_bytes()
    pages.write(written)
    assert (written.folder / "metrics.json").read_bytes() == before
    assert made_runs.runs.read(written.folder).summary == written.summary


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Run:
    labels = (*HOSTILE, "[x](https://evil.example)", "<img src=x onerror=alert(1)>", "@everyone", "# head", "{{ 7*7 }}")
    result = made_runs.result(classes=labels, corpus="<b>mine</b>", features=("[f](https://e)",))
    run = made_runs.held('"><script>alert(2)</script>', replace(result, notes=(f"{label}: one" for label in labels)))
    notes = tuple(f"{label}: one" for label in labels)
    return replace(changed(run, notes=notes), folder=tmp_path_factory.mktemp("hostile"))


def test_hostile_text_is_inert_in_the_page(hostile):
    pages.write(hostile)
    page = Seen((hostile.folder / pages.HTML).read_text(encoding="utf-8"))
    assert page.tags.count("script") == 1
    assert not {"b", "img"} & {*page.tags}
    assert [address for address in page.addresses if "//" in address] == [PUBLISHED]
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7*7 }}" in page.text
    assert "\x1b" not in page.text


def test_hostile_text_is_inert_in_the_markdown(hostile):
    pages.write(hostile)
    text = (hostile.folder / pages.MARKDOWN).read_text(encoding="utf-8")
    assert not re.search(r"<(?!br)", text)
    assert re.findall(r"(?<!\\)\]\(([^)]*)\)", text) == [PUBLISHED]
    assert re.findall(r"https?://[^\s)]*", text) == [PUBLISHED]
    assert not re.search(r"(?<!\\)@", text)
    assert "\x1b" not in text
    assert {line.split()[0] for line in text.splitlines() if line.startswith("#")} == {"#", "##", "###"}
    assert len([line for line in text.splitlines() if line.startswith("### ")]) == 32


# The command


@pytest.fixture
def command(written: Run) -> Callable[..., str]:
    def called(*words: str, **variables: str) -> str:
        done = affex("checklist", *words, "--cache", str(written.folder.parents[2]), **variables)
        return f"{done.returncode} {done.stdout}{done.stderr}"

    return called


def test_the_command_writes_both_and_says_what_is_left(command, written):
    for said in (command("one"), command(AFFEX_RUN="emodb/one")):
        assert said.startswith("0 29 of 32 items of REFORMS are filled from the run")
        assert "only the author can answer 1b, 1c, 3c." in " ".join(said.split())
    assert (written.folder / "checklist.html").exists()
    assert (written.folder / "checklist.md").exists()


def test_the_command_asks_for_a_run(command):
    assert command().startswith("2 ")
    assert "Say which run" in command()
    assert "There is no run 'two'" in command("two")


def test_equal_runs_give_equal_pages(written):
    pages.write(written)
    first = [(written.folder / name).read_bytes() for name in (pages.HTML, pages.MARKDOWN)]
    pages.write(written)
    assert first == [(written.folder / name).read_bytes() for name in (pages.HTML, pages.MARKDOWN)]
    assert summarise(made_runs.result(keys=("ab" * 32,))).figures == written.summary.figures
