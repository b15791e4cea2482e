"""What is a feature in other projects' tables, and what is a row number, bookkeeping, a label or a failed frame."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from corpus import Listener
from foreign import cached, corpus, failures, imported, rows_of
from test_experiment import run, table

from affex.pipeline.caching.dataset import opened
from affex.pipeline.exchange import importing
from affex.pipeline.exchange.columns import counts
from affex.pipeline.exchange.record import ImportOptions
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import AffexError, UsageError


@pytest.fixture
def dataset(tmp_path) -> Dataset:
    return corpus(tmp_path)


def text(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


# Columns that are no feature


def saved(frame: pd.DataFrame, path: Path) -> Path:
    """Write a data frame as pandas does."""
    frame.to_csv(path) if path.suffix == ".csv" else frame.to_parquet(path)
    return path


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_row_number_of_a_filtered_data_frame_is_no_feature(dataset, tmp_path, ending):
    frame = pd.DataFrame({"id": list("xaybc"), "loud": [0.0, 1.0, 2.0, 3.0, 4.0]})
    spec, output = imported(saved(frame[frame.id.isin(["a", "b", "c"])], tmp_path / f"t.{ending}"), dataset)
    assert cached(dataset, spec).columns == ("loud",)
    assert rows_of(dataset, spec) == {"a": ([[1]], None), "b": ([[3]], None), "c": ([[4]], None)}
    name = {"csv": "Unnamed: 0", "parquet": "__index_level_0__"}[ending]
    assert "  columns taken (1): loud" in output
    assert f"  columns left out (row number): {name}" in output


def test_numbers_that_count_rows_are_known_by_what_they_hold(dataset, tmp_path):
    rows = enumerate((key, n) for key in "ab" for n in range(8))
    lines = [f"{key},{n / 40},{n + 1},{n * n},{row + 100}" for row, (key, n) in rows]
    spec, output = imported(text(tmp_path / "t.csv", "id,time,nth,level,lfd", *lines), dataset)
    assert "  columns left out (row number): nth, lfd" in output
    assert cached(dataset, spec).columns == ("level",)
    alone, _ = imported(text(tmp_path / "u.csv", "id,x", *(f"k{n},{n}" for n in range(12)), "a,12"), dataset, "alone")
    assert cached(dataset, alone).columns == ("x",)  # it is all there is


def test_counting_is_each_one_more_than_the_last_ten_times():
    one, two = np.array(["a"] * 12), np.repeat(["a", "b"], 6)
    assert counts(one, np.arange(5, 17))
    assert counts(two, np.tile(np.arange(6), 2))
    assert not counts(two, np.tile(np.arange(0, 12, 2), 2))
    assert not counts(one[:9], np.arange(9))
    assert not counts(np.arange(12).astype(str), np.tile(np.arange(6), 2))


def test_what_orders_a_table_and_what_labels_it_is_left_out_and_said(dataset, tmp_path):
    head = "id,frame, face_id, confidence,emotion_code,Speaker_ID,emotion.confidence,AU01_r,AU02_r"
    spec, output = imported(text(tmp_path / "t.csv", head, "a,1,0,0.9,3,1,1,0.5,1", "b,1,0,0.8,4,2,1,0.25,2"), dataset)
    assert cached(dataset, spec).columns == ("AU01_r", "AU02_r")
    assert output[1:5] == [
        "  columns taken (2): AU01_r, AU02_r",
        "  columns left out (bookkeeping): frame, face_id, confidence, emotion.confidence",
        "  columns left out (label or speaker): emotion_code, Speaker_ID",
        "  (ONLY=NAMES selects columns, WITHOUT=NAMES leaves columns out)",
    ]
    assert spec.feature.record["source.left out (label or speaker)"] == "emotion_code, Speaker_ID"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "emo",
            "emotion id",
            "EmoClass",
            "EmoVal",
            "emo_code",
            "gold",
            "true_label",
            "y_true",
            "category",
            "sentiment",
        ),
        *("SpkrID", "spk.id", "participant", "Participant_ID", "talker", "cv_fold", "split_idx", "set"),
    ],
)
def test_labels_speakers_and_folds_are_known_by_their_other_names(dataset, tmp_path, name):
    spec, output = imported(text(tmp_path / "t.csv", f"id,{name},x", "a,1,0.5", "b,0,1.5"), dataset)
    assert cached(dataset, spec).columns == ("x",)
    assert f"  columns left out (label or speaker): {name}" in output


def test_what_is_measured_of_emotions_and_speech_stays(dataset, tmp_path):
    names = ["anger", "emotion_0", "label_anger", "speech_rate", "classifier_score", "y", "setting", "spectral_flux"]
    spec, _ = imported(
        text(tmp_path / "t.csv", ",".join(["id", *names]), *(f"{key},1,2,3,4,5,6,7,8" for key in "ab")), dataset
    )
    assert cached(dataset, spec).columns == tuple(names)


def test_columns_are_taken_and_left_out_by_name(dataset, tmp_path):
    path = text(tmp_path / "t.csv", "id,confidence,AU01_r,AU01_c,gaze", "a,0.5,1,2,3")
    every, _ = imported(path, dataset, "every")
    units, output = imported(path, dataset, "units", options=ImportOptions(only=("AU*",), without=("*_c",)))
    sure, _ = imported(path, dataset, "sure", options=ImportOptions(only=("confidence", "gaze")))
    assert cached(dataset, every).columns == ("AU01_r", "AU01_c", "gaze")
    assert cached(dataset, units).columns == ("AU01_r",)
    assert "  columns left out (as asked): AU01_c, gaze" in output
    assert rows_of(dataset, sure) == {"a": ([[0.5, 3]], None)}
    with pytest.raises(UsageError, match=r"There is no column of numbers 'gase'. Did you mean gaze"):
        imported(path, dataset, options=ImportOptions(without=("gase",)))
    with pytest.raises(AffexError, match=r"no column of a feature is left. Left out were confidence, AU01_r"):
        imported(path, dataset, options=ImportOptions(without=("*",)))


# Tables of Parquet whose index has names


def test_the_named_index_of_opensmile_and_audinterface_is_columns(dataset, tmp_path):
    spans = [("a.wav", 0.0, 0.1), ("a.wav", 0.1, 0.2), ("b.wav", 0.0, 0.1)]
    files, *times = zip(*spans, strict=True)
    levels = [pd.Index(files), *(pd.to_timedelta(list(of), unit="s") for of in times)]
    index = pd.MultiIndex.from_arrays(levels, names=["file", "start", "end"])
    spec, _ = imported(saved(pd.DataFrame({"x": [1.0, 2, 3]}, index), tmp_path / "t.parquet"), dataset)
    assert rows_of(dataset, spec) == {"a": ([[1], [2]], [0.05, 0.15]), "b": ([[3]], [0.05])}
    filewise = pd.DataFrame({"x": [1.0, 2]}, pd.Index(["a.wav", "b.wav"], name="file"))
    spec, _ = imported(saved(filewise, tmp_path / "f.parquet"), dataset, "filewise")
    assert rows_of(dataset, spec) == {"a": ([[1]], None), "b": ([[2]], None)}


# Which column says whose a row is


@pytest.mark.parametrize("name", ["utt_id", "file_id", "File_Path", "audio_path", "wav", "whatever"])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_names_are_found_behind_row_numbers_and_numbers(dataset, tmp_path, name, ending):
    frame = pd.DataFrame({"x": [0.5, 1.5], name: ["a", "b"], "y": [2.5, 3.5]})
    spec, _ = imported(saved(frame, tmp_path / f"t.{ending}"), dataset)
    assert rows_of(dataset, spec) == {"a": ([[0.5, 2.5]], None), "b": ([[1.5, 3.5]], None)}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_id_that_counts_rows_is_no_name_where_another_column_has_one(dataset, tmp_path, ending):
    frame = pd.DataFrame({"id": [7, 9], "label": ["joy", "joy"], "file": ["a.wav", "b.wav"], "x": [0.5, 1.5]})
    spec, output = imported(saved(frame, tmp_path / f"t.{ending}"), dataset)
    assert rows_of(dataset, spec) == {"a": ([[0.5]], None), "b": ([[1.5]], None)}
    assert any(line.startswith("  columns left out (bookkeeping): id") for line in output)


def test_the_index_without_a_name_comes_before_other_text(dataset, tmp_path):
    frame = pd.DataFrame({"label": ["joy", "sad"], "text": ["so", "so"], "x": [0.5, 1.5]}, index=["b", "a"])
    spec, _ = imported(saved(frame, tmp_path / "t.parquet"), dataset)
    assert rows_of(dataset, spec) == {"a": ([[1.5]], None), "b": ([[0.5]], None)}


def test_cells_may_be_parted_by_bars(dataset, tmp_path):
    spec, _ = imported(text(tmp_path / "t.csv", "file|x|y", "a|0.5|1", "b|1.5|2"), dataset)
    assert rows_of(dataset, spec) == {"a": ([[0.5, 1]], None), "b": ([[1.5, 2]], None)}


# Rows that hold nothing


def test_frames_in_which_openface_found_no_face_are_left_out_and_counted(dataset, tmp_path):
    folder = tmp_path / "openface"
    folder.mkdir()
    head = "frame, face_id, timestamp, confidence, success, AU01_r"
    text(folder / "a.csv", head, "1, 0, 0.00, 0.98, 1, 0.5", "2, 0, 0.04, 0.02, 0, 0", "3, 0, 0.08, 0.98, 1, 0.25")
    text(folder / "b.csv", head, "1, 0, 0.00, 0.00, 0, 0", "2, 0, 0.04, 0.00, 0, 0")
    spec, output = imported(folder, dataset)
    assert rows_of(dataset, spec) == {"a": ([[0.5], [0.25]], [0, 0.08])}
    assert failures(dataset, spec)["b"] == "no face was found in any of its 2 rows (success = 0)"
    assert "  3 of 5 rows left out, in which no face was found (success = 0)" in output
    kept, output = imported(folder, dataset, "kept", options=ImportOptions(only=("success", "AU01_r")))
    assert rows_of(dataset, kept)["b"] == ([[0, 0], [0, 0]], [0, 0.04])


# Cells, names and arrays as other programs write them


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("success", [[True, False, True], [1.0, 0.0, 1.0], [1.0, float("nan"), 1.0]])
def test_a_face_is_found_or_not_in_words_numbers_or_nothing(dataset, tmp_path, success, ending):
    frame = pd.DataFrame({"file": list("aaa"), "time": [0.0, 0.1, 0.2], "Success": success, "AU01_r": [0.5, 0, 0.25]})
    spec, output = imported(saved(frame.set_index("file"), tmp_path / f"t.{ending}"), dataset)
    assert rows_of(dataset, spec) == {"a": ([[0.5], [0.25]], [0, 0.2])}
    assert output[-1] == "  1 of 3 rows left out, in which no face was found (success = 0)"


def test_times_by_their_other_names_are_times_and_no_feature(dataset, tmp_path):
    for n, names in enumerate(("onset,offset", "start_s,End_s", "start_time,end_time")):
        spec, _ = imported(text(tmp_path / "t.csv", f"file,{names},x", "a,0,0.1,1", "a,0.1,0.2,2"), dataset, f"t{n}")
        assert rows_of(dataset, spec) == {"a": ([[1], [2]], [0.05, 0.15])}
    path = text(tmp_path / "t.csv", "file,time_ms,start_ms,x", "a,0,0,1", "a,10,10,2")
    spec, output = imported(path, dataset, options=ImportOptions(hop=0.01))
    assert "  columns left out (bookkeeping): time_ms, start_ms" in output
    assert cached(dataset, spec).columns == ("x",)


def test_a_table_without_a_head_is_refused(dataset, tmp_path):
    for lines in (("a,1.5,2", "b,2.5,3"), ("a,-1,2", "b,1,3"), ("a,1e-3,2", "b,1,3")):
        with pytest.raises(AffexError, match=r"t.csv: its first line has the number \S+; expected the columns' names"):
            imported(text(tmp_path / "t.csv", *lines), dataset)
    spec, _ = imported(text(tmp_path / "t.csv", "file,0,1", "a,1.5,2", "b,2.5,3"), dataset)
    assert cached(dataset, spec).columns == ("0", "1")


def test_what_praat_weka_and_spreadsheets_write_for_nothing_is_missing(dataset, tmp_path):
    lines = ("file,f0,f1,f2,f3", "a.wav,1,?,3,n/d", "b.wav,--undefined--,2, ,4", "c,5,6,7,8", "d,5,6,7,8")
    spec, output = imported(text(tmp_path / "t.csv", *lines), dataset)
    assert cached(dataset, spec).columns == ("f0", "f1", "f2")
    assert rows_of(dataset, spec) == {"c": ([[5, 6, 7]], None), "d": ([[5, 6, 7]], None)}
    assert failures(dataset, spec)["a"] == "1 of its 1 rows have NaN or an infinite number"
    assert "  columns left out (text): f3 (1 of 4 cells are not numbers, for example 'n/d')" in output


@pytest.mark.parametrize("nothing", ["-nan(ind)", "(null)", "#DIV/0!", "..", "n.a.", "missing", "nan", "None", "inf"])
def test_one_cell_of_nothing_makes_no_column_text(dataset, tmp_path, nothing):
    spec, _ = imported(text(tmp_path / "t.csv", "file,x", f"a,{nothing}", "b,2", "c,3", "d,4"), dataset)
    assert failures(dataset, spec)["a"] == "1 of its 1 rows have NaN or an infinite number"


def test_numbers_with_a_decimal_comma_are_numbers(dataset, tmp_path):
    path = text(tmp_path / "t.csv", "file;x;y", "a.wav;1,5;2", "b.wav;-0,25;1e-3")
    assert rows_of(dataset, imported(path, dataset)[0])["a"] == ([[1.5, 2]], None)


def test_names_in_quotes_are_those_names(dataset, tmp_path):
    path = text(tmp_path / "t.csv", "name;frameTime;x", "'a.wav';0.00;1", "'a.wav';0.01;2", "'b.wav';0.00;3")
    spec, _ = imported(path, dataset)
    assert rows_of(dataset, spec) == {"a": ([[1], [2]], [0, 0.01]), "b": ([[3]], [0])}
    path = text(tmp_path / "u.csv", "name\tx", '"""a.wav"""\t1', '" b.wav "\t2')
    assert rows_of(dataset, imported(path, dataset, "twice")[0]) == {"a": ([[1]], None), "b": ([[2]], None)}


def test_tables_of_py_feat_say_no_time_but_by_the_second(dataset, tmp_path):
    head = "FaceScore,AU01,anger,input,frame,approx_time"
    rows = [f"0.99,{n},0.5,/data/a.wav,{n * 2},00:0{n // 3}" for n in range(5)]
    path = text(tmp_path / "t.csv", head, *rows)
    with pytest.raises(AffexError, match=r"there is no column of times: /data/a\.wav.*for example --hop 0\.01"):
        imported(path, dataset)
    spec, output = imported(path, dataset, options=ImportOptions(hop=0.1))
    assert "  columns taken (2): AU01, anger" in output
    assert rows_of(dataset, spec)["a"][1] == [0.05, 0.15, 0.25, 0.35, 0.45]


def arrays(folder: Path, **named: np.ndarray) -> Path:
    folder.mkdir()
    for name, array in named.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def test_arrays_of_a_batch_of_one_and_arrays_that_lie_on_their_side(dataset, tmp_path):
    a, b = np.arange(6.0).reshape(2, 3), np.arange(9.0).reshape(3, 3)
    upright, _ = imported(arrays(tmp_path / "u", a=a[None], b=b[None, None]), dataset, options=ImportOptions(hop=0.1))
    assert rows_of(dataset, upright) == {
        "a": (a.tolist(), [0.05, 0.15]),
        "b": (b.tolist(), [0.05, 0.15, 0.25]),
    }
    side = arrays(tmp_path / "s", a=a.T, b=np.arange(12.0).reshape(3, 4))
    with pytest.raises(AffexError, match=r"3 rows, and they have from 2 to 4 columns.* with TRANSPOSE=1"):
        imported(side, dataset, options=ImportOptions(hop=0.1))
    turned, _ = imported(side, dataset, "turned", options=ImportOptions(hop=0.1, transpose=True))
    assert rows_of(dataset, turned)["a"] == (a.tolist(), [0.05, 0.15])
    with pytest.raises(AffexError, match="Read them without TRANSPOSE=1"):
        imported(tmp_path / "u", dataset, options=ImportOptions(hop=0.1, transpose=True))


# What comes of it


def as_openface_saved_by_pandas(path: Path, n_speakers: int) -> Path:
    """Write frames of noise, sorted by label, with row number and label code; every fourth frame failed."""
    draw, lines = np.random.default_rng(0), []
    for k in sorted(range(4), key=lambda k: k % 2):
        for s in range(n_speakers):
            for n in range(10):
                found = n % 4 > 0
                units = ",".join(f"{x:.3f}" for x in (draw.normal(5, 1, 3) if found else np.zeros(3)))
                lines.append(f"{len(lines)},{s}-{k}.wav,{n + 1},{n / 10},{0.9 * found},{int(found)},{k % 2},{units}")
    head = ",file,frame,timestamp,confidence,success,emotion_code,AU01_r,AU02_r,AU04_r"
    return text(path, head, *lines)


def test_row_number_label_code_and_failed_frames_leave_noise_at_chance(tmp_path):
    mine = table(tmp_path, n_speakers=6)
    dataset = opened("csv", mine, tmp_path / "cache", partial=False, console=Terminal(quiet=True))
    path, listener = as_openface_saved_by_pandas(tmp_path / "openface.csv", 6), Listener()
    importing.import_(path, dataset, "units", listener)
    importing.import_(path, dataset, "all", Listener(), options=ImportOptions(only=("*",)))
    assert "  columns taken (3): AU01_r, AU02_r, AU04_r" in listener.messages
    assert "  columns left out (row number): Unnamed: 0" in listener.messages
    assert "  columns left out (bookkeeping): frame, confidence, success" in listener.messages
    assert "  columns left out (label or speaker): emotion_code" in listener.messages
    assert "  72 of 240 rows left out, in which no face was found (success = 0)" in listener.messages
    units, every = (run([mine], tmp_path / "cache", features=name) for name in ("units", "all"))
    assert 0.25 <= units.uar <= 0.75
    assert every.uar > 0.9
    assert not [note for note in units.notes if "of the features" in note]
    (note,) = [note for note in every.notes if "of the features" in note]
    assert "emotion_code" in note
    assert "what the label of every utterance is" in note
