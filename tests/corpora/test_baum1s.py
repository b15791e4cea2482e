"""BAUM-1s: labels from the sheet as Excel writes it, videos from their half of the release."""

import zipfile

import pytest

from affex.pipeline.corpora.baum1s import CORPUS, LABELS, SHEET, example, find
from affex.pipeline.corpora.example_tree import lay, lay_workbook
from affex.pipeline.evaluation.selection import class_map
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.text.errors import CorpusError

CLIP = "s001/S001_001.mp4"


def with_sheet(root, *rows, film=CLIP):
    lay_workbook(lay(root, film), SHEET, ("Utterance Name", "Emotion"), *rows)
    return root


def message(root) -> str:
    with pytest.raises(CorpusError) as error:
        find(root)
    assert str(root) in str(error.value)
    return str(error.value)


def test_a_film_and_its_row_say_all_and_the_film_is_the_sound(tmp_path):
    film = Media("BAUM1s_MP4 - All/s031/S031_001.mp4")
    assert find(example(tmp_path))[-1] == Utterance("S031_001", "baum1s", "S031", "contempt", audio=film, video=film)


def test_the_acted_half_calls_its_films_the_same_and_is_left_alone(tmp_path):
    first, *others = find(example(tmp_path))
    assert first.video == Media("BAUM1s_MP4 - All/s001/S001_001.mp4")
    assert [utterance.id for utterance in others] == ["S001_002", "S031_001"]


@pytest.mark.parametrize("label", LABELS)
def test_every_emotion_is_known_by_its_word(label, tmp_path):
    (utterance,) = find(with_sheet(tmp_path, ("S001_001", label.title())))
    assert utterance.label == label


@pytest.mark.parametrize(("word", "label"), [("Happy", "happiness"), ("Angry ", "anger"), ("sad", "sadness")])
def test_other_forms_of_a_word_are_known(word, label, tmp_path):
    (utterance,) = find(with_sheet(tmp_path, ("s001_001", word)))
    assert utterance.label == label


def test_neither_the_order_of_columns_nor_numbers_matter(tmp_path):
    (utterance,) = find(with_sheet(tmp_path, ("Fear", 10, "Female", "S001_001", 1)))
    assert utterance.label == "fear"


def test_a_film_without_a_row_is_context_and_a_row_without_a_film_is_nothing(tmp_path):
    lay(tmp_path, "s001/S001_002.mp4")
    utterances = find(with_sheet(tmp_path, ("S001_001", "Fear"), ("S001_003", "Fear")))
    assert [(utterance.id, utterance.label) for utterance in utterances] == [("S001_001", "fear"), ("S001_002", None)]


def test_texts_in_runs_and_within_the_cell_are_read(tmp_path):
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    with zipfile.ZipFile(lay(tmp_path, CLIP) / SHEET, "w") as parts:
        parts.writestr("xl/sharedStrings.xml", f"<sst {main}><si><r><t>S001</t></r><r><t>_001</t></r></si></sst>")
        parts.writestr(
            "xl/worksheets/sheet2.xml",
            f'<worksheet {main}><sheetData><row><c t="s"><v>0</v></c><c/><c t="inlineStr"><is><t>Bothered</t></is></c>'
            "</row></sheetData></worksheet>",
        )
    (utterance,) = find(tmp_path)
    assert utterance.label == "bothered"


def test_a_missing_sheet_is_told(tmp_path):
    text = message(lay(tmp_path, CLIP))
    assert f"the sheet {SHEET} (or " in text
    assert "found videos: 1, sheets: 0" in text


def test_a_sheet_of_other_films_is_told(tmp_path):
    assert "names none of the 1 videos" in message(with_sheet(tmp_path, ("S002_001", "Fear")))


def test_a_row_without_an_emotion_is_named(tmp_path):
    text = message(with_sheet(tmp_path, ("S001_001", "Glee")))
    assert "utterance S001_001: expected one emotion of anger, boredom" in text
    assert "found none. Correct the row 'S001_001 | Glee'" in text


@pytest.mark.parametrize(
    "rows", [[("S001_001", "Fear", "Anger")], [("S001_001", "Fear"), ("S001_001", "Anger")]], ids=["row", "rows"]
)
def test_two_emotions_of_a_clip_are_named(rows, tmp_path):
    assert "found anger and fear" in message(with_sheet(tmp_path, *rows))


@pytest.mark.parametrize("content", [b"not a workbook", b""])
def test_what_is_no_workbook_is_told(content, tmp_path):
    (lay(tmp_path, CLIP) / SHEET).write_bytes(content)
    assert "cannot be read as an Excel workbook" in message(tmp_path)


def test_a_workbook_with_damaged_text_is_told(tmp_path):
    with zipfile.ZipFile(lay(tmp_path, CLIP) / SHEET, "w") as parts:
        parts.writestr("xl/worksheets/sheet1.xml", "<worksheet><row>")
    assert "save it as .xlsx anew" in message(tmp_path)


def test_a_workbook_with_a_flipped_byte_is_told(tmp_path):
    sheet = lay(tmp_path, CLIP) / SHEET
    with zipfile.ZipFile(sheet, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/worksheets/sheet1.xml", "<row/>" * 1000)
    damaged = bytearray(sheet.read_bytes())
    damaged[60] ^= 0xFF
    sheet.write_bytes(damaged)
    assert "cannot be read as an Excel workbook" in message(tmp_path)


def test_the_six_are_labels_of_its(tmp_path):
    six = next(protocol for protocol in CORPUS.protocols if protocol.name == "six")
    assert len(class_map(six.classes, LABELS)) == 6


def test_a_count_that_nobody_published_is_told():
    utterances = [Utterance("u", "baum1s", "s1")] * 1222
    assert CORPUS.remarks(utterances) == CORPUS.remarks(utterances[:1184]) == []
    assert CORPUS.remarks(utterances[:1183]) == [
        "baum1s: 1183 utterances found, which differs from all published counts: 1184 in the UCI record, 1222 in other "
        "publications"
    ]


@pytest.mark.parametrize("name", ["Annotations_BAUM1s.csv", "annotations_baum1s.CSV", "Annotations_BAUM1s_fixed.csv"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_sheet_as_a_table(name, delimiter, tmp_path):
    rows = [("No", "Utterance Name", "Emotion"), ("1", "S001_001 ", "Happiness")]
    (lay(tmp_path, CLIP) / name).write_text("".join(f"{delimiter.join(row)}\r\n" for row in rows), encoding="utf-8-sig")
    (utterance,) = find(tmp_path)
    assert utterance.label == "happiness"


def test_the_mended_sheet_is_read_where_both_are_there_and_said_to_be(tmp_path):
    with_sheet(tmp_path, ("S001_001", "Fear"))
    lay_workbook(tmp_path, "Annotations_BAUM1s_fixed.xlsx", ("Utterance Name", "Emotion"), ("S001_001", "Anger"))
    found = find(tmp_path)
    assert [utterance.label for utterance in found] == ["anger"]
    assert found.remarks == (
        "baum1s: the labels are those of Annotations_BAUM1s_fixed.xlsx; not read: Annotations_BAUM1s.xlsx",
    )
