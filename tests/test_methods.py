"""What a run says of itself in words: the question, the methods, their BibTeX, and the figures beside its own."""

import re
from dataclasses import replace

import made_runs
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affex.classifiers.base import of_estimator
from affex.pipeline.caching.cache import recipe
from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation.raters import Ceiling
from affex.pipeline.evaluation.results import FoldSummary
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.evaluation.speakers import ClassLost
from affex.pipeline.evaluation.summary import Summary, summarise
from affex.pipeline.fusion import fusion
from affex.pipeline.publishing import beside, described, methods, methods_protocol
from affex.pipeline.publishing.question import question
from affex.pipeline.reporting.comparison import compare
from affex.pipeline.specs import discovery
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.storage.provenance import versions

KEY = recipe(feature_specs("egemaps")[0].feature).key
HOSTILE = (r"\input{x}", "50 % & #1 $x$", "<script>alert(1)</script>", "two\nlines", "~^_{}", "\x1b[31mred")
#: What LaTeX may be told by a paragraph.
COMMANDS = {"cite", "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar"}


@pytest.fixture(scope="module")
def of_classes() -> Summary:
    return summarise(made_runs.result(keys=(KEY,)))


@pytest.fixture(scope="module")
def of_values() -> Summary:
    result = made_runs.result(classifier="svm", corpus="iemocap", protocol=made_runs.VALENCE)
    return summarise(result)


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [
        made_runs.held("one", made_runs.result(settings=Settings(speaker_norm=True))),
        made_runs.held("two", made_runs.result(features=("compare",), classifier="lda")),
    ]


@pytest.fixture(scope="module")
def fused(runs: list[Run]) -> Summary:
    return summarise(fusion.late(runs, "mean"))


def under(summary: Summary, **about: object) -> Summary:
    """Return a summary with another description."""
    return replace(summary, about=replace(summary.about, **about))


# The question


def test_the_question(of_classes):
    assert question(of_classes) == (
        "How well does logistic regression on eGeMAPSv02 functionals (openSMILE) recognise 4 emotions in utterances of "
        "4 speakers of EMO-DB that it was not trained on?"
    )


def test_the_question_of_values(of_values):
    assert question(of_values) == (
        "How well does a support-vector machine with a Gaussian (RBF) kernel on eGeMAPSv02 functionals (openSMILE) "
        "predict the value of valence in utterances of 4 speakers of IEMOCAP that it was not trained on?"
    )


def test_the_question_of_a_fusion(fused):
    assert question(fused) == (
        "How well do logistic regression on eGeMAPSv02 functionals (openSMILE) and linear discriminant analysis with a "
        "shrunk covariance on ComParE_2016 functionals (openSMILE), fused by the rule late:mean, recognise 4 emotions "
        "in utterances of 4 speakers of EMO-DB that they were not trained on?"
    )


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        (Protocol("session", "session"), "EMO-DB, in sessions that it was not trained on?"),
        (Protocol("split", "split"), "EMO-DB, in the test part of a fixed split?"),
        (Protocol("folds", "folds"), "EMO-DB, in the test parts of given folds?"),
        (Protocol("group-k", "group-k"), "EMO-DB that it was not trained on?"),
        (Protocol("random-k", "random-k"), "EMO-DB, although utterances of the same speakers were in training?"),
    ],
)
def test_the_question_says_whom_the_model_knew(of_classes, protocol, words):
    assert question(under(of_classes, protocol=protocol)).endswith(words)


def test_the_methods_say_whose_folds_these_are(of_classes):
    words = methods_protocol.SCHEMES["folds"](of_classes)
    assert words.startswith("Training and test parts are those of 4 folds that the author gave as a table;")


def test_the_question_across_corpora(of_classes):
    cross = Protocol("cross", "cross", train="emodb", test="ravdess")
    asked = question(under(of_classes, protocol=cross, corpus="emodb+ravdess"))
    assert asked.endswith("in utterances of 4 speakers of RAVDESS, after training on emodb?")


def test_the_question_about_a_table_of_ones_own(of_classes):
    asked = question(under(of_classes, corpus="mine+yours"))
    assert "recognise 4 classes of label in utterances of 4 speakers of 'mine+yours' (a table of our own)" in asked


# The methods


def test_the_methods_say_what_was_done(of_classes):
    said = methods.paragraph(of_classes)
    for words in (
        "the corpus Berlin Database of Emotional Speech (EMO-DB) (Burkhardt et al., 2005) in German: 96 utterances",
        "in 4 classes (anger 16, joy 16, neutral 16 and sadness 16)",
        "eGeMAPSv02 functionals (openSMILE) (Eyben et al., 2010; Eyben et al., 2016) [FEATURES=egemaps: ",
        "In each fold, missing values become the column's mean and columns are z-scored. ",
        "The model is logistic regression (Pedregosa et al., 2011) (C = 1). ",
        "One speaker at a time is left out and tested by a model that was trained on the other speakers (4 folds; ",
        "is fitted on the training part of a fold only. ",
        "found no speaker and no recording on both sides of a fold",
        "UAR, the unweighted average recall, the mean of the classes' recalls (Schuller et al., 2009)",
        "Intervals are at 95% over 4 speakers, not over utterances: delete-one-speaker jackknife",
        "All random numbers have the seed 0. ",
    ):
        assert words.replace("96 utterances", "64 utterances") in said
    assert "transductive" not in said
    assert "leak" not in said


def test_versions_are_those_of_the_rows_only_if_the_key_is(of_classes):
    opensmile = f"opensmile {versions(('opensmile',))['opensmile']}"
    assert f"{opensmile}, cache key {KEY[:12]}" in methods.paragraph(of_classes)
    made = replace(of_classes.about.settings, feature_keys=("0" * 64,))
    older = methods.paragraph(under(of_classes, settings=made))
    assert "cache key 000000000000]" in older
    assert opensmile not in older


def test_what_makes_figures_too_good_is_said(of_classes):
    leaky = under(of_classes, protocol=Protocol("random-k", "random-k", k=3))
    leaky = replace(leaky, leaks=("4 speakers on both sides",), notes=("2 texts on both sides of 4 of 4 folds",))
    said = methods.paragraph(leaky)
    assert "speakers are on both sides, so that the figures say nothing about new speakers" in said
    assert "The figures are too good because of leaks (Kapoor and Narayanan, 2023): 4 speakers on both sides. " in said
    assert "found no speaker" not in said


def test_what_is_transductive_is_said(of_classes):
    made = replace(of_classes.about.settings, speaker_norm=True, reweight=True, soft=True)
    of = replace(under(of_classes, settings=made), class_lost=ClassLost(2, 4, "class"))
    said = methods.paragraph(replace(of, transductive=of.about.transductive))
    assert "but for the normalisation named below" in said
    assert "The figures are transductive: every column is z-scored within each speaker" in said
    assert "This removes the class of 2 of 4 speakers, who have only one. " in said
    assert "in proportion to the raters who chose it" in said
    assert "square root of their class's training frequency (Zhou et al., 2019)" in said


def test_a_text_that_all_folds_share_is_said(of_classes):
    said = methods.paragraph(replace(of_classes, notes=("10 texts on both sides of 4 of 4 folds",)))
    assert "Not kept apart: 10 texts on both sides of 4 of 4 folds. " in said


def test_values_have_their_own_figures_and_search(of_values):
    said = methods.paragraph(of_values)
    assert "CCC, the concordance correlation coefficient (Lin, 1989)" in said
    assert "epsilon of 0.1, 0.3; by the CCC pooled over the inner folds" in said
    assert "The folds chose C = " in said
    assert "UAR" not in said
    assert "for the value of valence" in said


def test_the_search_says_what_folds_chose_and_where_there_was_none(of_classes):
    folds = tuple(FoldSummary(str(n), 9, 1, {"C": 10.0 if n else 0.1}) for n in range(3))
    folds = (*folds, FoldSummary("3", 9, 1, {"C": 1.0}, limits={"search": "one speaker"}))
    edge = "the search stands at the edge of its grid in 1 of 4 folds: C=10"
    said = methods.paragraph(replace(of_classes, folds=folds, notes=(edge,)))
    assert f"Limits: {edge}. " in said
    assert "The folds chose C = 10 (2 of 4), 0.1 (1 of 4), 1 (1 of 4). " in said
    assert "Limits: settings were fixed, not searched for in 1 of 4 folds (one speaker)" in said


def test_members_that_differ_in_features_only_are_described_once():
    alike = made_runs.result()
    models = [replace(alike.about.settings, features=(name,)) for name in ("egemaps", "gemaps", "compare")]
    members = [
        made_runs.held(model.features[0], replace(alike, about=replace(alike.about, settings=model)))
        for model in models
    ]
    said = methods.paragraph(summarise(fusion.late(members, "vote")))
    assert said.count("The model is logistic regression") == 1
    assert said.count("All else is as for model 1. ") == 2
    assert "Model 3 of 3: Each utterance is described by ComParE_2016" in said


def test_a_fusion_names_its_rule(fused):
    said = methods.paragraph(fused)
    assert (
        "fused by the rule late:mean (mean of the members' probabilities) (Kittler et al., 1998), which learns" in said
    )
    assert "Model 2 of 2" in said
    assert "transductive" in said


def test_early_fusion_stands_side_by_side(of_classes):
    made = replace(of_classes.about.settings, features=("egemaps", "mfcc:pool=mean+std"), feature_keys=())
    said = methods.paragraph(under(of_classes, settings=made))
    assert (
        "40 MFCC (25 / 10 ms), with first and second derivatives; the frames of an utterance are pooled by mean and std"
        in said
    )
    assert "side by side (early fusion). " in said


def test_of_many_settings_those_that_are_chosen_are_named(of_classes):
    net = discovery.classifier_presets()["net"]
    own = dict(replace(net, trunk="lstm", units=16).settings)
    said = methods.paragraph(
        under(of_classes, settings=replace(of_classes.about.settings, classifier="net", classifier_settings=own))
    )
    assert (
        f"(trunk = lstm, units = 16; the other {len(own) - 2} settings are affex's defaults, in the run's record). "
        in said
    )


def test_imported_features_are_named_as_such(of_classes):
    made = replace(of_classes.about.settings, features=("openface",), feature_keys=("ab" * 32,))
    said = methods.paragraph(under(of_classes, settings=made))
    assert (
        "the imported features 'openface' [computed by another project and imported as they were; cache key abab"
        in said
    )


def test_an_estimator_from_python():
    pipeline = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression())
    search = GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1.0]}, scoring="balanced_accuracy")
    summary = summarise(made_runs.result(classifier=of_estimator(search)))
    assert "the estimator LogisticRegression on" in question(summary)
    said = methods.paragraph(summary)
    assert "In each fold, missing values become the column's median and columns are z-scored. " in said
    assert "logisticregression__C = [0.1, 1.0]; by balanced_accuracy on the inner folds" in said
    assert "Pedregosa et al., 2011" in said


def test_a_published_system_brings_its_paper_and_its_differences(of_classes):
    made = replace(of_classes.about.settings, system="poria2017-bclstm")
    said = methods.paragraph(under(of_classes, settings=made))
    assert "those of the published system poria2017-bclstm (Poria et al., 2017). " in said
    assert "The threshold of the voice is 25 dB below the loudest frames" in said


def test_what_this_code_does_not_know_is_named_only(of_classes):
    made = replace(of_classes.about.settings, features=("egemaps:nonsense=3",), classifier="gone", system="gone")
    said = methods.paragraph(under(of_classes, settings=made))
    assert "The model is the classifier gone" in said
    assert "'egemaps:nonsense=3'" in said
    assert question(under(of_classes, settings=made))


def test_a_comparison_brings_its_test(runs):
    found = compare(runs)
    said = methods.paragraph(runs[0].summary, found)
    assert "We compared 2 runs (one and two) by a paired permutation test (Pitman, 1937): " in said
    assert "in all 2^4 ways" in said
    assert "Holm" not in said
    drawn = methods.paragraph(runs[0].summary, replace(found, draws=10_000, pairs=found.pairs * 3))
    assert "(Pitman, 1937; Phipson and Smyth, 2010)" in drawn
    assert "corrected for 3 pairs by Holm's procedure (Holm, 1979)" in drawn


# LaTeX and BibTeX


def test_what_is_cited_is_in_the_bibliography(fused):
    keys = [key for found in re.findall(r"\\cite\{([^}]*)\}", methods.latex(fused)) for key in found.split(",")]
    entries = re.findall(r"^@\w+\{([^,]+),$", methods.bibtex(fused), re.MULTILINE)
    assert list(dict.fromkeys(keys)) == entries
    assert {"affex", "burkhardt2005", "eyben2010", "schuller2016", "ledoit2004", "kittler1998", "tukey1958"} <= {
        *entries
    }


def test_the_same_run_gives_the_same_words(fused):
    assert methods.bibtex(fused) == methods.bibtex(fused)
    assert methods.latex(fused) == methods.latex(fused)


def test_hostile_labels_steer_neither_latex_nor_bibtex():
    summary = summarise(made_runs.result(classes=HOSTILE, corpus=r"\wicked{%", classifier="lda"))
    said, entries = methods.latex(summary), methods.bibtex(summary)
    assert set(re.findall(r"\\([a-zA-Z]+)", said)) <= COMMANDS
    bare = re.sub(r"\\[a-z]+|\\.", "", re.sub(r"~\\cite\{[a-z0-9,]*\}", "", said))
    assert not re.search(r"[#$%&_^~\\]", bare)
    assert bare.count("{") == bare.count("}")
    assert "wicked" not in entries
    assert "\n" not in said.strip()
    assert "\x1b" not in methods.paragraph(summary) + said + question(summary)


# Figures beside


def test_where_no_figure_is_known_a_sentence_says_so(of_classes):
    assert beside.published(of_classes) == []
    assert beside.in_words(of_classes) == [beside.NONE]


def on(summary: Summary, corpus: str, protocol: str | None = None, folds: str = "") -> Summary:
    """Return a summary as if it were of a corpus and one of its protocols."""
    own = discovery.corpora()[corpus].protocols
    found = next((one for one in own if one.name == protocol), own[0])
    named = tuple(replace(fold, name=folds) for fold in summary.folds[:1]) if folds else summary.folds
    return replace(under(summary, corpus=corpus, protocol=found), folds=named)


def test_figures_of_another_protocol_say_how_it_differs(of_classes):
    found = beside.published(on(of_classes, "ravdess"))
    assert found
    assert not any(one.is_same for one in found)
    frames = next(one for one in found if one.figure.startswith("accuracy 16.5 %"))
    assert "its protocol is 'by picture, speakers on both sides', the run's is 'speech'" in frames.sentence
    assert "; not the same protocol: " in frames.sentence


def test_figures_of_the_same_split_and_part_are_of_the_same_protocol(of_classes):
    validation = beside.published(on(of_classes, "afew", folds="validation"))
    same = [one for one in validation if one.is_same]
    assert any(one.figure == "accuracy 38 % on AFEW, validation set, its split" for one in same)
    assert all(one.sentence.endswith("; the same protocol") for one in same)
    assert not any("test set" in one.figure for one in same)
    assert not any(
        one.is_same for one in beside.published(on(of_classes, "afew", folds="test")) if "validation" in one.figure
    )


@pytest.mark.parametrize(
    "change",
    [
        {"leaks": ("a leak",)},
        {"transductive": "transductive: so"},
    ],
)
def test_a_run_that_is_too_good_has_another_protocol(of_classes, change):
    assert not any(
        one.is_same for one in beside.published(replace(on(of_classes, "afew", folds="validation"), **change))
    )


def test_other_classes_or_a_split_of_ones_own_are_another_protocol(of_classes):
    afew = on(of_classes, "afew", folds="validation")
    for change in ({"classes": "Angry,Happy"}, {"file": "mine.csv"}, {"agreement": 0.5}):
        other = under(afew, protocol=replace(afew.about.protocol, **change))
        assert beside.published(other)
        assert not any(one.is_same for one in beside.published(other))


def test_figures_of_classes_do_not_stand_beside_values(of_classes, of_values):
    assert all("CCC" in one.figure for one in beside.published(on(of_values, "omg", "arousal")))
    assert beside.published(on(of_values, "omg", "arousal"))
    assert beside.published(on(of_classes, "omg", "emotion")) == []


def test_people(of_classes):
    (found,) = beside.human(on(of_classes, "ravdess"))
    assert found.source.key == "livingstone2018"
    assert "80 % of the audio-visual takes, 75 % by video alone and 60 % by audio alone" in found.sentence
    ceiling = Ceiling("uar", 0.75, n_judgements=12, n_utterances=5, n_classes=3, n_ties=2, n_outside=1, n_alone=0)
    (rater,) = beside.human(replace(of_classes, ceiling=ceiling))
    assert rater.figure == "UAR 0.750 over 12 votes on 5 utterances"
    assert "3 votes are left out" in rater.sentence
    assert beside.human(replace(of_classes, ceiling=replace(ceiling, value=None))) == []


def test_several_corpora_have_no_published_figure(of_classes):
    assert beside.published(under(of_classes, corpus="emodb+ravdess")) == []


# What the code knows


@pytest.mark.parametrize("name", discovery.corpora())
def test_a_corpus_is_described(name):
    found = described.DescribedCorpus(name, discovery.corpora()[name])
    assert found.short
    assert {"What", "Files", "Traps"} <= found.data_sheet.keys()
    assert all("\n" not in text and text for text in found.data_sheet.values())


@pytest.mark.parametrize("name", discovery.classifier_presets())
def test_a_classifier_is_described(name, of_classes):
    one = discovery.classifier_presets()[name]
    made = replace(of_classes.about.settings, classifier=one.name, classifier_settings=dict(one.settings))
    (model,) = described.models(made)
    assert model.classifier == one
    assert model.phrase == one.phrase != ""
    assert "In each fold, " in methods.paragraph(under(of_classes, settings=made))


@pytest.mark.parametrize("name", discovery.feature_presets())
def test_a_feature_is_described(name, of_classes):
    made = replace(of_classes.about.settings, features=(name,), feature_keys=("",))
    said = methods.paragraph(under(of_classes, settings=made))
    assert f"[FEATURES={name}: " in said
    assert "imported" not in said


def test_names_of_short_corpora():
    def short(name: str) -> str:
        return described.DescribedCorpus(name, discovery.corpora().get(name)).short

    assert [short(name) for name in ("emodb", "afew", "enterface")] == ["EMO-DB", "AFEW", "eNTERFACE'05"]
    assert [short("demo"), short("mine")] == ["'demo' (synthetic)", "'mine' (a table of our own)"]
