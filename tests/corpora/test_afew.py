"""AFEW: the folders say split and emotion, and nobody is named."""

from itertools import chain

import pytest

from affex.pipeline.corpora.afew import CORPUS, example, find
from affex.pipeline.corpora.base import shortfalls
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.evaluation.folds import clusters, folds
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.text.errors import CorpusError

CLIP = "Train_AFEW/Angry/000046280.avi"


def test_the_folders_say_all(tmp_path):
    assert find(lay(tmp_path, CLIP)) == [
        Utterance("train/angry/000046280", "afew", "", "angry", Media(CLIP), Media(CLIP), split="train")
    ]


@pytest.mark.parametrize("around", ["", "EmotiW 2018/", "Äpfel/AFEW/"])
@pytest.mark.parametrize("between", ["", "Train_AFEW/"])
def test_folders_around_and_in_between_do_not_matter(around, between, tmp_path):
    path = f"{around}Train_AFEW/{between}Angry/000046280.avi"
    (utterance,) = find(lay(tmp_path, path))
    assert (utterance.id, utterance.video) == ("train/angry/000046280", Media(path))


def test_an_archive_unpacked_twice_holds_each_clip_once(tmp_path):
    nested = "Train_AFEW/Train_AFEW/Angry/000046280.avi"
    assert find(lay(tmp_path, nested, CLIP))[0].video == Media(CLIP)
    assert len(find(tmp_path)) == 1


def test_a_name_may_stand_for_several_clips(tmp_path):
    found = find(lay(tmp_path, CLIP, CLIP.replace("Angry", "Sad"), CLIP.replace("Train", "Val")))
    assert [utterance.id for utterance in found] == [
        "train/angry/000046280",
        "train/sad/000046280",
        "validation/angry/000046280",
    ]


def test_other_files_are_not_its(tmp_path):
    names = (
        "Train_AFEW/Angry/._000046280.avi",
        "Train_AFEW/Angry/000046280.txt",
        "Test_AFEW/Angry/000046280.avi",
        "Train_AFEW/Bored/000046280.avi",
        "Train_AFEW/AlignedFaces_LBPTOP_Points/Faces/000046280/001.jpg",
    )
    with pytest.raises(CorpusError, match="found none"):
        find(lay(tmp_path, *names))


def test_its_split_is_the_one_fold(tmp_path):
    utterances = find(example(tmp_path))
    (fold,) = folds(CORPUS.protocols[0], utterances)
    assert fold.name == "validation"
    assert {utterances[i].split for i in fold.train} == {"train"}
    assert {utterances[i].split for i in fold.test} == {"validation"}
    assert len(fold.train) == len(fold.test) == 14


def test_every_clip_is_a_cluster_of_its_own(tmp_path):
    utterances = find(example(tmp_path))
    found = clusters(utterances)
    assert found.unit == "video"
    assert len(set(found.of.tolist())) == len(utterances)


def test_the_counts_are_those_of_the_release(tmp_path):
    train = (f"Train_AFEW/Angry/{n:09}.avi" for n in range(773))
    validation = (f"Val_AFEW/Angry/{n:09}.avi" for n in range(383))
    utterances = find(lay(tmp_path, *chain(train, validation)))
    assert not shortfalls(CORPUS, utterances)
    assert shortfalls(CORPUS, utterances[:773]) == ["afew: 773 utterances found, 1156 expected"]
