"""IEMOCAP: what the shipped files say, each trap in them, and its cards."""

import json
import random
import shutil
import time
from collections import Counter

import dialogs
import numpy as np
import pytest
from corpus import Listener, write_wav
from dialogs import Spoken, iemocap
from films import film
from test_cli import affex

from affex.features.pictures.sampling import Sampling
from affex.pipeline.caching.dataset import opened
from affex.pipeline.corpora import iemocap_labels
from affex.pipeline.corpora.base import shortfalls
from affex.pipeline.corpora.iemocap import BY_SPEAKER, CORPUS, find, remarks
from affex.pipeline.corpora.iemocap_labels import Judgement, Rating, Turn
from affex.pipeline.evaluation import protocols, raters
from affex.pipeline.evaluation.folds import SCHEMES, folds
from affex.pipeline.evaluation.selection import in_parts, require_counts, select
from affex.pipeline.manifest.manifest import from_line, to_line
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media import video
from affex.pipeline.specs.corpora import corpus_of
from affex.pipeline.text.errors import CorpusError, UsageError

DIALOG = "Ses01F_impro01"


def of(root, name=DIALOG, **changes):
    """Return the utterances of a tree's dialog, by id."""
    return {u.id: u for u in find(root, **changes) if u.dialog == name}


def judged(*lines, mean=dialogs.MEANS):
    """Return the turn of one block with these lines below its head line."""
    (turn,) = iemocap_labels.parsed(dialogs.labels([dialogs.block("t", 6.2901, "neu", lines, mean)]), "a file")
    return turn


# Blocks of labels


def test_a_block_says_all():
    assert judged(*dialogs.raters("neu")) == Turn(
        name="t",
        start=6.2901,
        end=7.2901,
        emotion="neu",
        mean=Rating(2.5, 2.0, 3.5),
        raters={
            "E2": Judgement(("neu",)),
            "E3": Judgement(("neu", "oth"), Rating(3, 2, 3)),
            "E4": Judgement(("neu",), Rating(2, None, 4)),
        },
        actors={"F1": Judgement(("sur",), Rating(1, 1, 1))},
    )


def test_a_rater_may_choose_several_labels():
    assert judged("C-E2:\tNeutral; Anger;\t()").raters["E2"].labels == ("neu", "ang")


@pytest.mark.parametrize("comment", ["()", "(Anger; Sadness;)", "((sad) or\tFear;)", "(C-E3: Fear;)", ""])
def test_a_comment_is_no_label(comment):
    assert judged(f"C-E2:\tNeutral;\t{comment}").raters == {"E2": Judgement(("neu",))}


@pytest.mark.parametrize(("word", "letters"), iemocap_labels.LETTERS.items())
def test_a_word_is_the_label_of_the_head_line(word, letters):
    assert judged(f"C-E1:\t{word.capitalize()};\t()").raters["E1"].labels == (letters,)


def test_a_word_that_no_rater_should_have_is_kept_as_it_is():
    assert judged("C-E1:\tPride; Fear;\t()").raters["E1"].labels == ("pride", "fea")


@pytest.mark.parametrize("nothing", ["C-E2:\t\t()", "C-E2:\t;\t()", "C-E2:", "C-E2:\t(Anger;)"])
def test_a_rater_may_choose_no_label(nothing):
    assert judged(nothing).raters["E2"].labels == ()


@pytest.mark.parametrize(
    ("line", "rating"),
    [
        ("A-E3:\tval 3; act 2; dom  3;\t()", Rating(3, 2, 3)),
        ("A-E3:\tval 3; act ; dom  ;\t()", Rating(3, None, None)),
        ("A-E3:\tval ; act 2;\t(dom 4;)", Rating(None, 2, None)),
        ("A-E3:\tval  2.5; act 1; dom 5;\t()", Rating(2.5, 1, 5)),
    ],
)
def test_values_of_a_rater_may_be_missing(line, rating):
    assert judged(line).raters["E3"].rating == rating


@pytest.mark.parametrize("who", ["F1", "F2", "F3", "M1", "M3", "M5"])
def test_an_actor_s_own_opinion_is_kept_apart(who):
    turn = judged("C-E2:\tNeutral;\t()", f"C-{who}:\tAnger;\t()", f"A-{who}:\tval 1; act 5; dom  5;\t()")
    assert turn.raters == {"E2": Judgement(("neu",))}
    assert turn.actors == {who: Judgement(("ang",), Rating(1, 5, 5))}


@pytest.mark.parametrize("mean", ["-1.0000, 2.0000, nan", "0.0000, 2.0000, "])
def test_a_mean_may_be_missing(mean):
    assert judged(mean=mean).mean == Rating(None, 2.0, None)


def test_a_block_begins_with_its_head_line_wherever_blank_lines_are():
    blocks = [dialogs.block(name, 0.0, "neu", ("", "C-E2:\tFear;\t()", "")) for name in "ab"]
    for text in ("".join(blocks), "\r\n\r\n".join(blocks), dialogs.labels(blocks)):
        turns = list(iemocap_labels.parsed(text, "a file"))
        assert [(turn.name, turn.raters["E2"].labels) for turn in turns] == [("a", ("fea",)), ("b", ("fea",))]


@pytest.mark.parametrize("head", ["[6.29 - ]\tt\tneu\t[1, 2, 3]", "[1 - 2]\tt\tneu\t[1, 2]", "[1 - 2]\tt\tneu", "["])
def test_what_begins_like_a_head_line_and_is_none_is_an_error(head):
    with pytest.raises(
        CorpusError, match=r"a file, line 2: '.*' is not the head line of a turn\. Expected, separated by tabs"
    ):
        list(iemocap_labels.parsed(f"{dialogs.TITLE}\n{head}\n", "a file"))


def test_means_beyond_the_nominal_scale_are_kept_as_they_are_published():
    """Four turns of Ses03M_impro07 have valence 5.5, three turns dominance .5."""
    head = "[6.2901 - 8.2357]\tSes03M_impro07_M000\thap\t[5.5000, 3.0000, 0.5000]"
    (turn,) = iemocap_labels.parsed(f"{dialogs.TITLE}\n{head}\n", "a file")
    assert turn.mean == Rating(5.5, 3.0, 0.5)


def test_as_many_blocks_as_the_corpus_has_turns(capsys):
    turns = [f"Ses01F_impro01_F{n:05d}" for n in range(10_039)]
    text = dialogs.labels(dialogs.block(name, n, "sad", dialogs.raters("sad")) for n, name in enumerate(turns))
    before = time.perf_counter()
    parsed = list(iemocap_labels.parsed(text, "a file"))
    with capsys.disabled():
        print(f"\n{len(parsed)} blocks of labels, {len(text) / 1e6:.1f} MB: {time.perf_counter() - before:.2f} s")
    assert [turn.name for turn in parsed] == turns
    assert {len(turn.raters) for turn in parsed} == {3}


# Utterances


def test_the_files_of_a_turn_say_all(tmp_path):
    name = f"{DIALOG}_F000"
    assert find(iemocap(tmp_path))[0] == Utterance(
        id=name,
        corpus="iemocap",
        speaker="Ses01F",
        label="ang",
        audio=Media(f"Session1/sentences/wav/{DIALOG}/{name}.wav"),
        video=Media(f"Session1/dialog/avi/DivX/{DIALOG}.avi", 0.0, 1.0, region="left"),
        mocap=Media(
            f"Session1/sentences/MOCAP_rotated/{DIALOG}/{name}.txt",
            beside=tuple(f"Session1/sentences/MOCAP_{what}/{DIALOG}/{name}.txt" for what in ("head", "hand")),
        ),
        part="improvised",
        session="Ses01",
        dialog=DIALOG,
        turn=0,
        dialog_start=0.0,
        dialog_end=1.0,
        text=f"What {name} says.",
        sex="female",
        votes=(("ang",), ("ang", "oth"), ("neu",)),
        raters=("E2", "E3", "E4"),
        self_reports=(("sur",),),
        valence=2.5,
        arousal=2.0,
        dominance=3.5,
    )


def test_the_speaker_is_the_last_letter_not_who_wears_the_markers(tmp_path):
    for utterance in find(iemocap(tmp_path)):
        assert utterance.speaker == utterance.id[:5] + utterance.id[-4]
        assert utterance.sex == {"F": "female", "M": "male"}[utterance.id[-4]]
    assert len({u.speaker for u in find(tmp_path)}) == 6


def test_a_marked_actor_who_is_not_the_speaker_never_lends_his_face_to_the_speaker_s_row(tmp_path):
    utterances = find(iemocap(tmp_path))
    shipped = {path.stem for path in tmp_path.glob("Session*/sentences/MOCAP_rotated/*/*.txt")}
    assert shipped == {u.id for u in utterances}  # the release has the marked actor's face in every turn
    for utterance in utterances:
        wears_markers = utterance.dialog[5]
        if utterance.speaker[-1] == wears_markers:
            assert utterance.mocap.path.endswith(f"/{utterance.id}.txt")
            assert utterance.video.region == "left"
        else:
            assert utterance.mocap is None
            why = f"{utterance.speaker} is not the actor who wears the markers in this dialog"
            assert utterance.absent == (("mocap", why),)
            assert utterance.video.region == "right"
    assert sum(u.mocap is not None for u in utterances) == len(utterances) / 2


def test_the_marked_actor_s_half_is_a_setting(tmp_path):
    iemocap(tmp_path / "data")
    usual, other = (
        opened(name, tmp_path / "data", tmp_path / "cache", partial=True, console=Listener())
        for name in ("iemocap", "iemocap:marked=right")
    )
    assert (other.name, other.folder) == (usual.name, usual.folder)
    assert set(other.notes) - set(usual.notes) == {"iemocap is read as iemocap:marked=right"}
    left, right = usual.utterances, other.utterances
    swapped = {"left": "right", "right": "left"}
    assert [swapped[u.video.region] for u in left] == [u.video.region for u in right]
    assert [u.mocap for u in left] == [u.mocap for u in right]
    for name, message in (
        ("iemocap:marked=lef", r"no value of iemocap:marked 'lef'\. Did you mean left"),
        ("iemocap:mark=left", r"no setting of iemocap 'mark'\. Did you mean marked"),
        ("emodb:marked=left", r"no setting of emodb 'marked'"),
    ):
        with pytest.raises(UsageError, match=message):
            corpus_of(name)


def test_the_pictures_of_a_turn_are_of_its_speaker_while_he_speaks(tmp_path):
    iemocap(tmp_path, sessions=[1])
    seconds, path = len(dialogs.TURNS), tmp_path / f"Session1/dialog/avi/DivX/{DIALOG}.avi"
    left, right = (20 + 10 * np.arange(seconds), 235 - 10 * np.arange(seconds))  # of each second
    pictures = (np.repeat([left[n // 5], right[n // 5]], 48)[None, :, None] for n in range(5 * seconds))
    film(path, (np.broadcast_to(p, (64, 96, 3)).astype(np.uint8) for p in pictures), rate=5, options={})
    utterances = of(tmp_path)
    (file,) = {u.video.path for u in utterances.values()}  # so it is decoded once
    wanted = [video.Wanted(u.id, Sampling(), u.video.start, u.video.end, u.video.region) for u in utterances.values()]
    seen = [window for window in video.windows(tmp_path, file, wanted) if isinstance(window, video.Window)]
    assert sorted(window.id for window in seen) == sorted(utterances)
    for window in seen:
        utterance = utterances[window.id]
        grey = (left if utterance.speaker == "Ses01F" else right)[round(utterance.video.start)]
        assert abs(np.mean(window.frames.pictures) - grey) < 5


def test_turns_are_counted_by_time_since_their_numbers_begin_anew_for_each_actor(tmp_path):
    dialogs.dialog(tmp_path, DIALOG, [Spoken(who, n, "neu") for who, n in zip("MMFMF", (0, 1, 0, 2, 1), strict=True)])
    file = tmp_path / f"Session1/dialog/EmoEvaluation/{DIALOG}.txt"
    blocks = file.read_text().split("\n\n")
    random.Random(0).shuffle(blocks)
    dialogs.write(file, "\n\n".join(blocks) + "\n")
    turns = [(u.id[-4:], u.turn, u.video.start) for u in find(tmp_path)]
    assert turns == [("M000", 0, 0.0), ("M001", 1, 1.0), ("F000", 2, 2.0), ("M002", 3, 3.0), ("F001", 4, 4.0)]


def test_no_majority_is_no_label_and_the_turn_stays_as_context(tmp_path):
    dialogs.dialog(tmp_path, DIALOG, [Spoken("F", 0, "xxx"), Spoken("M", 0, "fru")])
    without, labelled = find(tmp_path)
    assert (without.label, labelled.label) == (None, "fru")
    assert without.votes
    assert without.valence == 2.5


def test_scripted_and_improvised_are_told_apart(tmp_path):
    parts = {(u.dialog, u.part) for u in find(iemocap(tmp_path, [1]))}
    assert parts == {(DIALOG, "improvised"), ("Ses01M_script01_1b", "scripted")}


@pytest.mark.parametrize("dialog", ["Ses03F_impro05a", "Ses02M_script01_3", "Ses05M_script01_1b"])
def test_names_of_dialogs(dialog, tmp_path):
    dialogs.dialog(tmp_path, dialog, [Spoken("M", 42, "neu")])
    (utterance,) = find(tmp_path)
    assert (utterance.dialog, utterance.session, utterance.speaker) == (dialog, dialog[:5], f"{dialog[:5]}M")


def test_litter_and_the_sub_folders_of_labels_are_no_labels(tmp_path):
    iemocap(tmp_path, [1])
    dialogs.write(tmp_path / "._Session1", "litter")
    dialogs.write(tmp_path / "Session1/dialog/EmoEvaluation/Attribute/Ses01F_impro02.txt", "[no head line")
    assert len(find(tmp_path)) == 2 * len(dialogs.TURNS)
    assert all("._" not in u.audio.path for u in find(tmp_path))


def test_only_lines_of_turns_are_transcripts(tmp_path):
    texts = {u.id: u.text for u in find(iemocap(tmp_path, [1]))}
    assert texts == {name: f"What {name} says." for name in texts}


def test_a_turn_without_a_wav_of_its_own_is_a_span_of_its_dialog_s(tmp_path):
    iemocap(tmp_path, [1])
    (tmp_path / f"Session1/sentences/wav/{DIALOG}/{DIALOG}_M000.wav").unlink()
    utterances = of(tmp_path)
    assert utterances[f"{DIALOG}_M000"].audio == Media(f"Session1/dialog/wav/{DIALOG}.wav", 1.0, 2.0)
    assert utterances[f"{DIALOG}_F000"].audio == Media(f"Session1/sentences/wav/{DIALOG}/{DIALOG}_F000.wav")


def test_a_turn_s_times_are_those_of_the_dialog_whatever_it_is_cut_from(tmp_path):
    iemocap(tmp_path, [1])
    usual = of(tmp_path)
    for folder in ("dialog/wav", "dialog/avi"):
        shutil.rmtree(tmp_path / "Session1" / folder)
    bare = of(tmp_path)
    for number, utterance in enumerate(bare.values()):
        assert (utterance.dialog_start, utterance.dialog_end) == (float(number), number + 1.0)
        assert (utterance.audio.start, utterance.audio.end, utterance.video) == (None, None, None)
    shutil.rmtree(tmp_path / "Session1/sentences/wav")
    silent = of(tmp_path)
    times = [{id_: (u.dialog_start, u.dialog_end) for id_, u in found.items()} for found in (usual, bare, silent)]
    assert times[0] == times[1] == times[2]


def test_a_release_within_a_folder(tmp_path):
    iemocap(tmp_path / "IEMOCAP_full_release", [1])
    assert find(tmp_path)[0].audio.path.startswith("IEMOCAP_full_release/Session1/sentences")


def test_a_manifest_of_before_still_reads():
    line = '{"id": "a", "corpus": "c", "speaker": "s", "votes": [["x", "y"]]}'
    assert from_line(line) == Utterance("a", "c", "s", votes=(("x", "y"),))
    named = Utterance("a", "c", "s", votes=(("x", "y"), ("x",)), raters=("r", "s"))
    assert from_line(to_line(named)) == named
    assert "raters" not in to_line(from_line(line))  # so that what is cached of a corpus without names stays valid
    assert to_line(from_line(line)) == line


def test_a_turn_of_another_dialog_is_an_error(tmp_path):
    iemocap(tmp_path, [1])
    file = tmp_path / f"Session1/dialog/EmoEvaluation/{DIALOG}.txt"
    file.rename(file.with_name("Ses01F_impro02.txt"))
    with pytest.raises(CorpusError, match=r"impro02\.txt: 'Ses01F_impro01_F000' is not a turn of this dialog"):
        find(tmp_path)


# Releases that are not whole


def test_what_a_release_lacks_is_said_and_the_rest_works(tmp_path):
    iemocap(tmp_path, [1, 2, 4, 5])
    sessions = [
        "iemocap: 20 of the 1819 turns of Ses01 found",
        "iemocap: 20 of the 1811 turns of Ses02 found",
        "iemocap: none of the 2136 turns of Ses03 found",
        "iemocap: 20 of the 2103 turns of Ses04 found",
        "iemocap: 20 of the 2170 turns of Ses05 found",
    ]
    assert remarks(find(tmp_path)) == sessions
    for path in tmp_path.glob("Session1/dialog/avi/DivX/*.avi"):
        path.unlink()
    for path in tmp_path.glob("Session2/sentences/MOCAP_hand/*/*.txt"):
        path.unlink()
    assert remarks(find(tmp_path))[5:] == [
        "iemocap: 20 of 80 turns have no picture (looked for in Session*/dialog/avi/DivX)",
        "iemocap: 10 of 40 turns with motion capture of the face have none of the hands (looked for in "
        "Session*/sentences/MOCAP_hand)",
    ]
    for path in [*tmp_path.glob("Session*/sentences/MOCAP_rotated/*/*.txt"), *tmp_path.glob("*/*/transcriptions/*")]:
        path.unlink()
    for path in [*tmp_path.glob("Session2/sentences/wav/*/*.wav"), *tmp_path.glob("Session2/dialog/wav/*.wav")]:
        path.unlink()
    assert remarks(find(tmp_path)) == [
        *sessions,
        "iemocap: 20 of 80 turns have no sound (looked for in Session*/sentences/wav and dialog/wav)",
        "iemocap: 20 of 80 turns have no picture (looked for in Session*/dialog/avi/DivX)",
        "iemocap: 40 of 40 turns of the actor with the markers have no motion capture (looked for in "
        "Session*/sentences/MOCAP_rotated)",
        "iemocap: 80 of 80 turns have no transcript (looked for in Session*/dialog/transcriptions)",
    ]


def test_a_release_that_is_not_whole_needs_a_word(tmp_path):
    iemocap(tmp_path / "data", [1])
    listener = Listener()
    with pytest.raises(CorpusError, match=r"iemocap \(improvised\): 10 utterances found, 4784 expected.*\n.*PARTIAL=1"):
        opened("iemocap", tmp_path / "data", tmp_path, partial=False, console=listener)
    assert "iemocap: none of the 1811 turns of Ses02 found." in listener.messages
    dataset = opened("iemocap", tmp_path / "data", tmp_path, partial=True, console=listener)
    assert len(dataset.utterances) == 20
    assert len(dataset.notes) == 2


# Protocols

COUNTS = {
    **{"xxx": 2507, "fru": 1849, "neu": 1708, "ang": 1103, "sad": 1084, "exc": 1041, "hap": 595},
    **{"sur": 107, "fea": 40, "oth": 3, "dis": 2},
}


@pytest.fixture(scope="module")
def whole():
    """Return turns of the published counts, of which 2383 of those with a majority are unanimous."""
    labels = [None if label == "xxx" else label for label, n in COUNTS.items() for _ in range(n)]
    random.Random(0).shuffle(labels)
    unanimous = iter(range(10_039))
    votes = [label and ((label,),) * 2 + ((label,) if next(unanimous) < 2383 else ("pride",),) for label in labels]
    return [
        Utterance(
            id=str(n),
            corpus="iemocap",
            speaker=f"Ses0{n % 5 + 1}{'FM'[n % 2]}",
            label=label,
            part="improvised" if n < 4784 else "scripted",
            session=f"Ses0{n % 5 + 1}",
            votes=votes[n] or (("neu",), ("ang",), ("sad",)),
            valence=1 + n % 5,
            arousal=1 + n % 4,
            dominance=1 + n % 3,
        )
        for n, label in enumerate(labels)
    ]


@pytest.mark.parametrize(
    ("name", "total"),
    [("iemocap4", 5531), ("iemocap4-no-exc", 4490), ("iemocap6", 7380), ("unanimous", 2383), ("valence", 10_039)],
)
@pytest.mark.parametrize("ending", ["", "-session"])
def test_cards_take_as_many_as_are_published_and_say_so_when_not(name, ending, total, whole):
    protocol = protocols.protocol(name + ending, CORPUS.protocols)
    assert protocol.scheme == ("session" if ending else "loso")
    selection = select(whole, protocol)
    assert len(selection.y) == total
    assert require_counts(protocol, selection) == ()
    fewer = require_counts(protocol, select(whole[:2000], protocol))
    assert bool(fewer) == (name != "valence")
    assert all(f"the protocol {name + ending} asserts" in sentence for sentence in fewer)
    chosen = [whole[n] for n in selection.chosen]
    assert len(folds(protocol, chosen)) == (5 if ending else 10)


def test_excitement_counts_as_happiness_by_default(whole):
    protocol = protocols.protocol("", CORPUS.protocols)
    assert Counter(select(whole, protocol).y.tolist()) == {"neu": 1708, "hap": 1636, "ang": 1103, "sad": 1084}
    assert protocol.scheme == "loso"


def test_cards_of_a_part_take_it_alone(whole):
    assert not shortfalls(CORPUS, whole)
    for part in ("improvised", "scripted"):
        chosen = in_parts(whole, protocols.protocol(part, CORPUS.protocols).parts)
        assert {u.part for u, taken in zip(whole, chosen, strict=True) if taken} == {part}


def test_unanimous_are_those_whose_raters_share_a_label(whole):
    chosen = select(whole, protocols.protocol("unanimous", CORPUS.protocols)).chosen
    assert {raters.agreement(whole[n].votes) for n in chosen} == {1.0}


def test_another_agreement_or_other_classes_assert_no_counts():
    assert protocols.protocol("iemocap4:agreement=0.9", CORPUS.protocols).counts == {}
    assert protocols.protocol("unanimous:agreement=0.9", CORPUS.protocols).total is None
    assert protocols.with_target(protocols.protocol("unanimous", CORPUS.protocols), None, "ang,sad").total is None
    assert protocols.protocol("iemocap4", CORPUS.protocols).counts


def test_no_card_hides_a_protocol():
    assert not {protocol.name for protocol in CORPUS.protocols} & set(SCHEMES)
    assert len(CORPUS.protocols) == 2 * len(BY_SPEAKER)


# From the shipped layout to figures


def test_features_and_evaluate_by_speaker_and_by_session(tmp_path):
    root = iemocap(tmp_path / "data")
    for number, utterance in enumerate(find(root)):
        write_wav(root / utterance.audio.path, 0.3, seed=number)
    listener = affex("features", "--dataset", "iemocap", "--data", str(root), "--features", "egemaps", "--partial",
                 AFFEX_CACHE=str(tmp_path / "cache"), AFFEX_SCHEDULER="inline")  # fmt: skip
    assert listener.returncode == 0, listener.stderr
    assert "iemocap: none of the 2103 turns of Ses04 found." in listener.stdout
    assert "egemaps: 0 cached, 60 computed, 0 failed" in listener.stdout
    for protocol, n_folds in (("iemocap4", 6), ("iemocap4-session", 3), ("valence-session", 3)):
        out = tmp_path / protocol
        listener = affex("evaluate", "--dataset", "iemocap", "--data", str(root), "--features", "egemaps", "--partial",
                     "--protocol", protocol, "--classifier", "svm", "--out", str(out),
                     AFFEX_CACHE=str(tmp_path / "cache"), AFFEX_SCHEDULER="inline")  # fmt: skip
        assert listener.returncode == 0, listener.stderr
        metrics = json.loads((out / "metrics.json").read_text())
        assert metrics["n_utterances"] == 60
        assert metrics.get("classes", []) == ([] if protocol.startswith("valence") else ["ang", "hap", "neu", "sad"])
        assert len(metrics["folds"]) == n_folds
