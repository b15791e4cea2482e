"""Tables: what a cell becomes, and every way a table can be wrong, with the place named."""

import unicodedata

import pytest

from affex.pipeline.corpora.csv import find
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.text.errors import CorpusError


@pytest.fixture
def table(tmp_path):
    """Return a function that writes lines as ``mine.csv`` beside some files."""
    lay(tmp_path, "a.wav", "b.wav", "c.mp4", "Töne/mit Leerzeichen.wav")

    def write(*lines: str, encoding: str = "utf-8"):
        path = tmp_path / "mine.csv"
        path.write_bytes("\n".join(lines).encode(encoding))
        return path

    return write


def message(path) -> str:
    with pytest.raises(CorpusError) as error:
        find(path)
    assert str(path) in str(error.value)
    return str(error.value)


def test_three_columns_are_enough(table):
    assert find(table("file,speaker,label", "a.wav,eva,anger", "b.wav,eva,")) == [
        Utterance("a", "mine", "eva", "anger", Media("a.wav")),
        Utterance("b", "mine", "eva", None, Media("b.wav")),
    ]


def test_every_column_has_its_place(table):
    columns = (
        "label,file,speaker,id,start,end,channel,session,dialog,turn,split,part,text,sex,valence,arousal,dominance"
    )
    cells = 'joy,a.wav,eva,first,0.5,1.25,1,s1,d1,3,test,speech,"Na, so was!",female,-1.5,2,3e-1'
    (utterance,) = find(table(f"{columns},votes,video", f"{cells},joy;fear/sadness;;joy,c.mp4"))
    assert utterance == Utterance(
        id="first",
        corpus="mine",
        speaker="eva",
        label="joy",
        audio=Media("a.wav", 0.5, 1.25, 1),
        video=Media("c.mp4", 0.5, 1.25),
        session="s1",
        dialog="d1",
        turn=3,
        split="test",
        part="speech",
        text="Na, so was!",
        sex="female",
        valence=-1.5,
        arousal=2.0,
        dominance=0.3,
        votes=(("joy",), ("fear", "sadness"), ("joy",)),
    )


def test_raters_are_named_in_the_order_of_the_votes(table):
    (utterance,) = find(table("file,speaker,label,votes,raters", "a.wav,eva,joy,joy;;fear/sadness,anna;bob;cleo"))
    assert (utterance.votes, utterance.raters) == ((("joy",), ("fear", "sadness")), ("anna", "cleo"))
    (utterance,) = find(table("file,speaker,label,votes,raters", "a.wav,eva,joy,joy;fear,"))
    assert (utterance.votes, utterance.raters) == ((("joy",), ("fear",)), ())


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ("joy;joy,anna", "row 2: 'raters' has 1 names and 'votes' 2 votes, expected a name for each vote"),
        ("joy;joy,anna;", "row 2: 'raters' is 'anna;', expected the names of all raters of the row, or none"),
        (",anna;bob", "row 2: 'raters' has 2 names and 'votes' 1 votes"),
    ],
)
def test_names_of_raters_that_do_not_fit_the_votes_are_told(cells, expected, table):
    assert expected in message(table("file,speaker,label,votes,raters", f"a.wav,eva,joy,{cells}"))


def test_nobody_need_be_named(table):
    assert [u.speaker for u in find(table("file,speaker,label", "a.wav,,anger", "b.wav,eva,joy"))] == ["", "eva"]


def test_who_only_wants_recordings_labelled_needs_no_labels(table):
    path = table("file,end", "a.wav,1.5", "c.mp4,")
    assert find(path, needed=("file",)) == [
        Utterance("a", "mine", "", audio=Media("a.wav", None, 1.5)),
        Utterance("c", "mine", "", audio=Media("c.mp4"), video=Media("c.mp4")),
    ]
    with pytest.raises(CorpusError, match=r"has no column 'speaker'\. Needed: file, speaker\. Found: file, end"):
        find(path, needed=("file", "speaker"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["", "\r"])
def test_it_may_come_from_any_spreadsheet(table, encoding, delimiter, end):
    lines = (" File ,SPEAKER,label,remark", "Töne/mit Leerzeichen.wav,Jörg,Ärger,-", ",,,")
    (utterance,) = find(table(*(line.replace(",", delimiter) + end for line in lines), encoding=encoding))
    assert utterance == Utterance("Töne/mit Leerzeichen", "mine", "Jörg", "Ärger", Media("Töne/mit Leerzeichen.wav"))


def test_decimal_commas_are_read_where_they_part_no_cells(table):
    (utterance,) = find(table("file;speaker;label;start;end", "a.wav;eva;joy;0,5;1,25"))
    assert utterance.audio == Media("a.wav", 0.5, 1.25)


def test_a_video_is_sound_and_picture(table):
    (utterance,) = find(table("file,speaker,label,start,channel", "c.mp4,eva,joy,1,0"))
    assert utterance.audio == Media("c.mp4", 1.0, None, 0)
    assert utterance.video == Media("c.mp4", 1.0)


def test_an_absolute_path_stays_as_it_is(table, tmp_path):
    (utterance,) = find(table("file,speaker,label", f"{tmp_path / 'a.wav'},eva,joy"))
    assert utterance.audio == Media((tmp_path / "a.wav").as_posix())


def test_of_absolute_paths_what_differs_is_the_id(tmp_path):
    for machine, slashes in (("home/ann", ""), ("data2", "/")):
        root = tmp_path / machine / "corpus"
        for name in ("anger/1.wav", "joy/1.wav"):
            lay(root, name)
        (tmp_path / machine / "tables").mkdir()
        for folder, file in (("tables", "elsewhere"), ("corpus", "beside")):
            mine = tmp_path / machine / folder / f"{file}.csv"
            rows = [f"{slashes}{root / name},eva,x" for name in ("anger/1.wav", "joy/1.wav")]
            mine.write_text("\n".join(["file,speaker,label", *rows]), encoding="utf-8")
            assert [utterance.id for utterance in find(mine)] == ["anger/1", "joy/1"]


def test_an_absolute_path_below_the_table_is_called_as_if_it_were_relative(table, tmp_path):
    lay(tmp_path, "deep/a.wav")
    (utterance,) = find(table("file,speaker,label", f"{tmp_path / 'deep' / 'a.wav'},eva,joy"))
    assert utterance.id == "deep/a"
    mixed = find(table("file,speaker,label", f"{tmp_path / 'deep' / 'a.wav'},eva,joy", "a.wav,eva,joy"))
    assert [utterance.id for utterance in mixed] == ["deep/a", "a"]


def test_umlauts_and_slashes_may_be_coded_otherwise_than_on_the_disk(table):
    decomposed = unicodedata.normalize("NFD", "Töne/mit Leerzeichen.wav").replace("/", "\\")
    (utterance,) = find(table("file,speaker,label", f"{decomposed},eva,joy"))
    assert utterance.audio == Media("Töne/mit Leerzeichen.wav")


def test_spans_and_channels_of_one_file_get_ids_of_their_own(table):
    rows = (
        "a.wav,eva,joy,,1.5,",
        "a.wav,eva,joy,1.5,,",
        "a.wav,eva,joy,2,3,0",
        "a.wav,ute,joy,2,3,1",
        "b.wav,ute,,1,,",
    )
    found = find(table("file,speaker,label,start,end,channel", *rows))
    ids = ["a-0.0-1.5", "a-1.5-end", "a-2.0-3.0-channel0", "a-2.0-3.0-channel1", "b"]
    assert [utterance.id for utterance in found] == ids


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("a.wav,eva,joy,soon,,,,", "'start' is 'soon', expected a number"),
        ("a.wav,eva,joy,nan,,,,", "'start' is 'nan', expected a number"),
        ("a.wav,eva,joy,,,,inf,", "'valence' is 'inf', expected a number"),
        ("a.wav,eva,joy,-1,,,,", "'start' is -1 s, before the file begins"),
        ("a.wav,eva,joy,2,2,,,", "'end' (2 s) is not after 'start' (2 s)"),
        ("a.wav,eva,joy,,0,,,", "'end' (0 s) is not after 'start' (0 s)"),
        ("a.wav,eva,joy,,,1.5,,", "'turn' is '1.5', expected a whole number from 0"),
        ("a.wav,eva,joy,,,-1,,", "'turn' is '-1', expected a whole number from 0"),
        ("a.wav,eva,joy,,,,,dev", "'split' is 'dev', expected train, validation, test or nothing"),
        (",eva,joy,,,,,", "'file' is blank"),
        ("a.wav,eva,joy,,,,,,more", "9 cells, but 8 columns are named"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named_with_its_row(table, line, what):
    path = table("file,speaker,label,start,end,turn,valence,split", "b.wav,eva,joy,,,,,", "", line)
    assert f"row 4: {what}" in message(path)


def test_a_missing_column_is_named_with_what_was_found(table):
    output = message(table("file,speakers,label", "a.wav,eva,joy"))
    assert "no column 'speaker'. Is 'speakers' it?" in output
    assert "Found: file, speakers, label" in output


def test_a_column_that_comes_twice_is_refused(table):
    assert "2 columns called 'label'" in message(table("file,speaker,label,Label", "a.wav,eva,joy,joy"))


def test_files_that_do_not_exist_are_listed_at_once(table):
    path = table("file,speaker,label,video", *(f"no{n}.wav,eva,joy," for n in range(6)), "a.wav,eva,joy,no.mp4")
    output = message(path)
    assert "7 of 8 files that do not exist: no0.wav, no1.wav, no2.wav, no3.wav, no4.wav and 2 more" in output


def test_two_utterances_of_one_name_are_refused(table):
    output = message(table("file,speaker,label", "a.wav,eva,joy", "b.wav,eva,joy", "a.wav,ute,joy"))
    assert "rows 2, 4 all have the id 'a'" in output
    assert "rows 2, 3 all have the id 'x'" in message(table("file,speaker,label,id", "a.wav,e,,x", "b.wav,e,,x"))


def test_a_table_without_rows_is_empty(table):
    assert "lists no utterance" in message(table("file,speaker,label", ",,"))


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04\xff\xfe", b"file,speaker,label\0", "file,speaker,label\nTöne.wav,a,b".encode("latin-1")]
)
def test_what_is_no_table_is_told(content, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    assert "CSV UTF-8" in message(path)


def test_a_quote_that_never_ends_is_told(table):
    assert "is not a table" in message(table("file,speaker,label", 'a.wav,"eva,joy'))


def test_a_folder_is_told(tmp_path):
    assert "is a folder" in message(tmp_path)
