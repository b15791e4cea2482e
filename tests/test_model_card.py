"""A model's card says what is known of the model and nothing else; what users wrote is inert in it."""

import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from synthetic import make_table, with_values
from test_hostile_text import HOSTILE, ORDERS
from test_models import VALENCE, fitted, wanted

from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.evaluation.summary import Summary, summarise
from affex.pipeline.models import model_card
from affex.pipeline.models.models import Model
from affex.pipeline.specs import data_sheets, discovery

#: The sections of Mitchell et al. (2019), and how to use it.
SECTIONS = (
    *("Model details", "Intended use", "Factors", "Metrics", "Training data"),
    *("Evaluation data and quantitative analyses", "Ethical considerations", "Caveats and recommendations"),
    "How to use it",
)
FILE = model_card.File("mine <b>.affex", 123, "0" * 64)
CLASSES = (*HOSTILE[:4], "<b>bold</b>", "*em* [a](b)")
QUICK = wanted("svm:C=1,gamma=1")


def hostile_table():
    """Return a table with hostile classes and speakers, half of these women."""
    table = make_table(n_speakers=4, classes=CLASSES)
    names = sorted({utterance.speaker for utterance in table.utterances})
    hostile = dict(zip(names, HOSTILE[6:], strict=False))
    sexes = {name: ("female", "male")[number % 2] for number, name in enumerate(names)}
    utterances = tuple(
        replace(utterance, speaker=hostile[utterance.speaker], sex=sexes[utterance.speaker])
        for utterance in table.utterances
    )
    return replace(table, utterances=utterances)


@pytest.fixture(scope="module")
def hostile() -> tuple[Model, Summary]:
    table = hostile_table()
    plan = replace(QUICK, corpus="toy|<script>", settings=Settings(speaker_norm=True))
    model = fitted(table, plan, HOSTILE[6])
    return model, summarise(evaluate(table, plan))


def card(model: Model, evaluation: Summary | None = None, corpus: str = "") -> str:
    sheets = [data_sheets.of_corpus(name) for name in (corpus or model.plan.corpus).split("+")]
    return model_card.text(model, FILE, sheets, evaluation)


def test_it_has_the_sections_of_model_cards(hostile):
    text = card(*hostile)
    assert tuple(re.findall(r"^## (.*)$", text, re.MULTILINE)) == SECTIONS


def test_it_says_what_the_model_learned_from(hostile):
    model, _ = hostile
    text = card(model)
    assert "Speakers: 3. Sex, where known: 1 female, 2 male." in text
    assert model.learned.sexes == {"female": 1, "male": 2}
    assert f"{model.learned.n_utterances} utterances of 3 speakers" in text
    assert model.plan.keys[0] in text
    assert FILE.digest in text
    assert "transductive" in text
    assert "opensmile 2." in text
    assert "audEERING" in text
    for name, version in model.versions.items():
        assert f"| {name} | {version} |" in text


def test_figures_are_those_of_the_run_or_there_are_none(hostile):
    model, evaluation = hostile
    without = card(model)
    assert model_card.UNKNOWN in without
    assert "| UAR |" not in without
    text = card(model, evaluation)
    assert model.evaluation in text
    uar = evaluation.interval("uar")
    assert (
        f"| UAR | {uar.value:.3f} \\[{uar.low:.3f}, {uar.high:.3f}\\] | {evaluation.figures['uar'].chance:.3f} |"
        in text
    )
    assert "under other versions" not in text
    assert "other versions of numpy than" in card(
        model, replace(evaluation, versions={**evaluation.versions, "numpy": "0"})
    )
    assert "in folds with leaks" in card(model, replace(evaluation, leaks=("a speaker <i> on both sides",)))


def test_what_users_wrote_is_inert(hostile):
    model, evaluation = hostile
    text = card(model, replace(evaluation, leaks=HOSTILE))
    rendered = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(text)
    assert not re.search(r"<(script|b|img|a|i|em|strong|s|h[3-6])\b", rendered)
    assert rendered.count("<h2>") == len(SECTIONS)
    assert not ORDERS & {*text}
    rows = re.findall(r"<tr>.*?</tr>", rendered, re.S)
    by_class = [row for row in rows if row.count("<td>") == 5]
    assert len(by_class) == len(model.classes)


def test_values_have_no_classes():
    table = with_values(make_table(n_speakers=3))
    plan = wanted("svm:C=1,gamma=1", protocol=VALENCE)
    text = card(fitted(table, plan), summarise(evaluate(table, plan)))
    assert "predicts values of valence" in text
    assert "| CCC |" in text
    assert "| class |" not in text


@pytest.mark.parametrize("name", discovery.corpora())
def test_every_corpus_gives_its_limits_and_its_licence(name, hostile):
    text, sheet = card(hostile[0], corpus=name), data_sheets.of_corpus(name)
    assert "Licence: " in text
    languages = {"emodb": "German", "ravdess": "English", "esd": "English, Mandarin", "afew": "not stated"}
    if name in languages:
        assert f"Languages, as the data sheet says: {languages[name]}." in text
    assert ("Actors speak" in text) == sheet.is_acted
    assert ("are synthetic" in text) == (name == "demo")
    assert {"emodb": True, "meld": False, "csv": False}.get(name, sheet.is_acted) == sheet.is_acted


def test_equal_models_have_equal_cards(hostile):
    again = fitted(hostile_table(), hostile[0].plan, HOSTILE[6])
    assert card(again) == card(hostile[0])


def test_two_corpora_have_both_licences(hostile):
    text = card(hostile[0], corpus="emodb+ravdess")
    assert "Languages, as the data sheet says: German, English." in text
    assert "CC BY-NC-SA 4.0" in text
    assert "Zenodo is under CC BY 4.0" in text
