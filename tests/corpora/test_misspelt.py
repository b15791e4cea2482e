"""A corpus is recognised by each of its names, however it is spelt."""

import pytest

from affex.pipeline.corpora.misspelt import plain
from affex.pipeline.specs import discovery
from affex.pipeline.specs.corpora import corpus_of
from affex.pipeline.text.errors import UsageError

CORPORA = discovery.corpora()


def message(name: str) -> str:
    with pytest.raises(UsageError) as error:
        corpus_of(name)
    return str(error.value)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        *(("crema-d", "cremad"), ("EMO-DB", "emodb"), ("CMU-MOSI", "mosi"), ("eNTERFACE'05", "enterface")),
        *(("MELD", "meld"), ("JL", "jlcorpus"), ("JL-Corpus", "jlcorpus"), ("CaFE", "cafe"), ("ShEMO", "shemo")),
        *(("Sharif", "shemo"), ("Toronto", "tess"), ("Emotional Speech Dataset", "esd"), ("EMOVO", "emovo")),
    ],
)
def test_another_name_is_told_what_it_is_called_here(asked, name):
    assert message(asked) == f"There is no corpus '{asked}': here it is called {name}, as in DATASET={name}."


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        *(("ravdes", "ravdess"), ("iemocapp", "iemocap"), ("CREMA-DD", "cremad"), ("meldd", "meld"), ("tes", "tess")),
        *(("msp-podcst", "msppodcast"), ("subecso", "subesco"), ("CHSIM", "chsims")),
    ],
)
def test_a_misspelt_one_is_named(asked, name):
    assert message(asked).startswith(f"There is no corpus '{asked}'. Did you mean {name}?\nKnown: ")


def test_what_is_like_none_is_told_what_there_is_and_how_to_come_in():
    assert message("xyzzy").startswith(f"There is no corpus 'xyzzy'.\nKnown: {', '.join(sorted(CORPORA))}.\n")
    assert "a table with the columns file, speaker, label: say DATASET=csv DATA=mine.csv" in message("xyzzy")


def test_names_are_of_one_corpus_alone():
    names = [name for corpus in CORPORA.values() for name in {plain(name) for name in (corpus.name, *corpus.also)}]
    assert len({*names}) == len(names)
