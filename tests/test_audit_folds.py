"""The audit of folds from their keys: every planted leak is found, and none is invented."""

import json
import random
from pathlib import Path

import emobox_tree
import pytest
from emobox_tree import KINDS
from test_cli import affex

import affex as face
from affex.pipeline.evaluation import key_audit
from affex.pipeline.evaluation.fold_tables import bare
from affex.pipeline.evaluation.key_audit import FoldsAudit
from affex.pipeline.specs import discovery, key_patterns
from affex.pipeline.storage import records
from affex.pipeline.text.errors import UsageError

#: Corpora whose folds in EmoBox have speakers on both sides.
LEAKING = {"emodb", "cremad", "enterface", "shemo", "tess", "emovdb", "oreau", "turevdb", "urdu"}


def found(audit: FoldsAudit) -> tuple[dict, dict]:
    """Return the speakers and the recordings on both sides, by corpus and fold."""
    folds = {(table.corpus, fold.fold): fold for table in audit.tables for fold in table.folds}
    speakers = {place: set(fold.speakers.names) for place, fold in folds.items()}
    return speakers, {place: set(fold.recordings.names) for place, fold in folds.items()}


@pytest.mark.parametrize("seed", range(4))
def test_every_planted_leak_of_18_corpora_is_found_and_none_invented(seed, tmp_path):
    leaking, copied = LEAKING, {"iemocap", "emodb"}
    if seed:
        rng = random.Random(seed)
        leaking, copied = ({name for name in KINDS if rng.random() < share} for share in (0.5, 0.2))
    made = emobox_tree.write(tmp_path, leaking=leaking, copied=copied, seed=seed)
    audit = key_audit.audit(tmp_path)
    assert len(audit.tables) == 18
    assert found(audit) == (made.speakers, made.recordings)
    for table in audit.tables:
        assert table.verdict == ("leaks" if table.corpus in leaking | copied else "clean")
        assert (table.unmatched, table.remarks) == ((), ())
        assert table.n_keys == len(list(emobox_tree.utterances(table.corpus, 2)))
        for fold in table.folds:
            assert fold.recordings.of == fold.n_test
    assert audit.remarks == (
        "36 other files of the folder are of no fold, and are not read (the first: cafe/cafe.jsonl)",
    )


def test_the_counts_are_those_of_a_fold_by_hand(tmp_path):
    rows = [("a1x", "test"), ("a1y", "test"), ("b1x", "test"), ("c1z", "test"), ("a1w", "train"), ("b9z", "dev")]
    path = tmp_path / "f.csv"
    path.write_text("id,split\n" + "".join(f"{key},{role}\n" for key, role in rows), encoding="utf-8")
    (table,) = key_audit.audit(path, speaker=r"^(\w)").tables
    (fold,) = table.folds
    assert (fold.n_train, fold.n_validation, fold.n_test) == (1, 1, 4)
    assert fold.speakers == key_audit.Shared(2, 3, 3, ("a", "b"))
    assert (fold.texts, fold.recordings) == (None, key_audit.Shared(0, 4, 0, ()))
    assert (table.verdict, table.n_keys) == ("leaks", 6)


def test_a_dot_in_a_key_is_no_suffix_of_a_recording(tmp_path):
    assert (bare("m3.n_nie_4"), bare("1984_kz_koy.WAV"), bare(".wav")) == ("m3.n_nie_4", "1984_kz_koy", ".wav")
    emobox_tree.write(tmp_path, leaking=set())
    (table,) = [table for table in key_audit.audit(tmp_path).tables if table.corpus == "polish"]
    assert table.folds[0].texts.names == ("nie", "stop", "tak")


def test_texts_on_both_sides_are_counted_and_are_no_leak(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("id,split\n03a01Wa,train\n08a01Fa,test\n08b10Na,test\n", encoding="utf-8")
    (table,) = key_audit.audit(path, corpus="EMO-DB").tables
    assert table.folds[0].texts == key_audit.Shared(1, 2, 1, ("a01",))
    assert table.verdict == "clean"


# Whose key it is


@pytest.mark.parametrize("name", sorted(name for name, corpus in discovery.corpora().items() if corpus.speaker_key))
def test_the_patterns_of_a_corpus_agree_with_its_reader(name, tmp_path):
    corpus, patterns = discovery.corpora()[name], key_patterns.of_corpus(name)
    utterances = corpus.find(corpus.example(tmp_path))
    paths = [next(iter(u.media())).path for u in utterances]
    public = [f"{name}-{Path(path).name}" for path in paths]
    if name in ("aesdd", "mead"):  # their public keys are no file names
        public = [f"{name}-{u.id.replace(' (', '-').replace(')', '').replace('/', '-')}" for u in utterances]
    for keys in (public, [u.id for u in utterances]):
        every = list(zip(keys, paths, utterances, strict=True))
        assert_same_groups([(group(patterns.speaker, *names), u.speaker) for *names, u in every])
        if patterns.text:
            assert_same_groups([(group(patterns.text, *names), u.text) for *names, u in every if u.text])


def assert_same_groups(pairs: list[tuple[str, str]]) -> None:
    """Fail unless the pattern's names and the reader's are names of the same things."""
    assert all(by_pattern for by_pattern, _ in pairs)
    assert len({by_pattern for by_pattern, _ in pairs}) == len({by_reader for _, by_reader in pairs}) == len({*pairs})


def group(pattern, *names: str) -> str:
    match = next(filter(None, (pattern.search(bare(name)) for name in names)), None)
    return "".join(filter(None, match.groups())) if match else ""


def test_the_speaker_is_what_is_typed_else_what_the_table_says_else_what_the_corpus_knows(tmp_path):
    path = tmp_path / "emodb.csv"
    path.write_text("FileName,SpkrID,Split_Set\n03a01Wa.wav,x,Train\n03a02Wa.wav,y,Test\n", encoding="utf-8")
    (table,) = key_audit.audit(path).tables
    assert (table.verdict, table.speakers_from) == ("clean", "a column of the table")
    (table,) = key_audit.audit(path, speaker=r"^(\d\d)").tables
    assert (table.verdict, table.speakers_from) == ("leaks", r"the pattern ^(\d\d)")
    path.write_text("FileName,Split_Set\n03a01Wa.wav,Train\n03a02Wa.wav,Test\n", encoding="utf-8")
    (table,) = key_audit.audit(path).tables
    assert (table.verdict, table.folds[0].speakers.names) == ("leaks", ("03",))


def test_keys_that_no_pattern_matches_are_named_and_nothing_is_called_clean(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("id,fold\ns1_a,1\ns2_a,2\nodd,2\n", encoding="utf-8")
    (table,) = key_audit.audit(path, speaker=r"s(\d+)_").tables
    assert (table.verdict, table.unmatched, table.n_keys) == ("unknown", ("odd",), 3)
    (table,) = key_audit.audit(path).tables
    assert (table.verdict, table.unmatched) == ("unknown", ("odd", "s1_a", "s2_a"))
    assert "no pattern of the speakers in the keys of 'f' is known" in table.remarks[0]
    path.write_text("id,speaker,fold\na,s1,1\nb,,2\nc,unknown,2\nd,S01,2\n", encoding="utf-8")
    (table,) = key_audit.audit(path).tables
    assert table.unmatched == ("b", "c")
    assert table.remarks == ("the speakers 'S01' and 's1' may be one person: they count as 2",)


def test_a_fold_with_one_side_is_not_called_clean(tmp_path):
    emobox_tree.write_lines(tmp_path / "urdu_test_fold_1.jsonl", [{"key": "urdu-SM1_F1_A01", "wav": "a.wav"}])
    (table,) = key_audit.audit(tmp_path).tables
    assert table.verdict == "unknown"
    assert table.remarks == ("fold 1 has nothing for training: it has one side only",)


def test_a_recording_is_one_by_its_path_and_not_by_its_name(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("id,wav,split\na,x/1.wav,train\nb,y/1.wav,test\nc,x/1.wav,test\n", encoding="utf-8")
    (table,) = key_audit.audit(path, speaker="(.)").tables
    assert table.folds[0].recordings == key_audit.Shared(1, 2, 1, ("c",))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"s\d+", r"has no group: put what is the speaker into brackets"),
        (r"(?:s\d+)", "has no group"),
        ("s(", "is no regular expression: missing"),
        ("(a{99999999999999999999})", "is no regular expression"),
        ("(" * 600, "has 600 characters: expected 500 at the most"),
    ],
)
def test_patterns_that_are_refused(pattern, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        key_audit.audit(tmp_path, speaker=pattern)


def test_a_corpus_that_is_typed_must_be_one(tmp_path):
    with pytest.raises(UsageError, match=r"There is no corpus 'emodbb'\. Did you mean emodb"):
        key_audit.audit(tmp_path, corpus="emodbb")


# As a command, and from Python


def test_the_command_says_which_and_ends_with_1(tmp_path):
    emobox_tree.write(tmp_path / "data", leaking={"emodb"}, copied={"savee"}, seed=5)
    told = affex("audit", "folds", str(tmp_path / "data"))
    assert told.returncode == 1, told.stderr
    assert "A speaker or a recording is on both sides of a fold: 2 of 18 (emodb, savee)." in told.stdout
    assert "No speaker and no recording is on both sides of a fold: 16 of 18 (cafe, casia, cremad," in told.stdout
    audit = face.audit_folds(tmp_path / "data")
    document = affex("audit", "folds", "--json", str(tmp_path / "data"))
    assert document.returncode == 1
    assert records.restored(FoldsAudit, json.loads(document.stdout)) == audit
    told = affex("audit", "folds", str(tmp_path / "data" / "cafe"))
    assert (told.returncode, told.stderr) == (0, "")


def test_make_hands_on_file_corpus_and_pattern(tmp_path):
    path = tmp_path / "my folds.csv"
    path.write_text("id,fold\n03a01Wa,1\n03a01Wb,2\n", encoding="utf-8")
    told = affex("audit", "folds", AFFEX_FILE=str(path), AFFEX_DATASET="emodb")
    assert told.returncode == 1
    assert "1 of 1: 03" in told.stdout
    told = affex("audit", "folds", AFFEX_FILE=str(path), AFFEX_SPEAKER="(.)$", AFFEX_MAKE_TYPED_IN=str(tmp_path))
    assert told.returncode == 0
    told = affex("audit", "folds", AFFEX_MAKE_TYPED_IN=str(tmp_path))
    assert (told.returncode, told.stdout) == (2, "")
    assert "Say which folds, as in: make" in told.stderr


def test_hostile_names_cannot_steer_a_terminal(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("id,speaker,fold\na\x1b[31m,s\x1b[2J,1\nb,s\x1b[2J,2\n", encoding="utf-8")
    told = affex("audit", "folds", str(path))
    assert told.returncode == 1
    assert "\x1b" not in told.stdout + told.stderr
    assert "s\\x1b[2J" in told.stdout
