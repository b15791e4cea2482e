"""Who is who: planted renames are found, distinct persons are not reported, and the limit is said."""

import numpy as np
import pytest
from test_cli import affex

from affex.pipeline.pages import corpus_pictures, corpus_tables
from affex.pipeline.statistics import identity as module
from affex.pipeline.statistics.identity import LIMIT, Identity, identity, sentences

N_COLUMNS, N_EACH = 40, 30


def made(n_people: int, seed: int = 0, shift: float = 0.0) -> tuple[np.ndarray, list[str], list[str]]:
    """Return utterances of people who lie 1 from the middle in each direction; the aroused ones are all moved."""
    rng = np.random.default_rng(seed)
    people = rng.standard_normal((n_people, N_COLUMNS))
    of = np.repeat(np.arange(n_people), N_EACH)
    aroused = np.arange(len(of)) % 2 == 1
    X = people[of] + 1.5 * rng.standard_normal((len(of), N_COLUMNS)) + shift * aroused[:, None] * np.eye(N_COLUMNS)[0]
    return X + 6, [f"p{number}" for number in of], ["wild" if one else "calm" for one in aroused]


@pytest.mark.parametrize("seed", range(3))
def test_a_split_and_a_merged_speaker_are_found_and_nobody_else(seed):
    X, people, labels = made(9, seed)
    assert not identity("made", X, people, labels).same + identity("made", X, people, labels).several
    names = np.array(people, dtype="U4")
    names[np.flatnonzero(names == "p0")[: N_EACH // 2]] = "new"
    names[names == "p2"] = "p1"
    found = identity("made", X, list(names), labels)
    assert [{one.first, one.second} for one in found.same] == [{"new", "p0"}]
    assert [(one.name, one.parts[0] in range(N_EACH, N_EACH + 4)) for one in found.several] == [("p1", True)]
    assert found.same[0].likeness == pytest.approx(1, abs=0.2)


def test_likeness_is_corrected_for_the_noise_of_few_utterances():
    """In closed form: cosines of noisy means are too low by the reliability, which halves give."""
    X, people, labels = made(8, 1)
    names = np.array(people, dtype="U4")
    names[np.flatnonzero(names == "p0")[::2]] = "new"
    U = X - X.mean(axis=0)
    means = {name: U[names == name].mean(axis=0) for name in ("new", "p0")}
    raw = means["new"] @ means["p0"] / np.linalg.norm(means["new"]) / np.linalg.norm(means["p0"])
    [pair] = identity("made", X, list(names), labels).same
    assert raw < 0.93 < pair.likeness


def test_what_a_class_shifts_in_all_speakers_is_taken_away():
    X, people, labels = made(6, shift=20.0)
    of = np.unique(people, return_inverse=True)[1]
    freed = module.freed(X, of, labels)
    aroused = np.array(labels) == "wild"
    within = freed - module._means(freed, of)[of]
    assert abs(within[aroused, 0].mean() - within[~aroused, 0].mean()) < 1e-6
    assert abs(X[aroused, 0].mean() - X[~aroused, 0].mean()) > 15
    assert not identity("made", X, people, labels).several


def test_two_clusters_are_those_of_plain_2_means():
    from sklearn.cluster import KMeans

    rng = np.random.default_rng(0)
    Z = rng.standard_normal((60, 5)) + 4 * (np.arange(60) < 25)[:, None]
    explained, first = module._divided(Z)
    plain = KMeans(2, n_init=5, random_state=0).fit(Z)
    whole = ((Z - Z.mean(axis=0)) ** 2).sum()
    assert np.exp(explained) == pytest.approx(1 - plain.inertia_ / whole)
    assert len(set(zip(first, plain.labels_, strict=True))) == 2


def test_few_names_or_utterances_are_not_checked_and_that_is_said():
    X, people, labels = made(3)
    found = identity("speaker", X, people, labels)
    assert (found.names, found.n_unchecked) == ((), 3)
    assert sentences(found) == (
        "Who is who (by speaker): not checked; that needs 4 speakers of 10 utterances or more.",
    )
    X, people, labels = made(5)
    kept = [i for i, name in enumerate(people) if name != "p0" or i < 9]
    found = identity("speaker", X[kept], [people[i] for i in kept], [labels[i] for i in kept])
    assert found.names == ("p1", "p2", "p3", "p4")
    [said] = sentences(found)
    assert "none of 4 speakers" in said
    assert "1 with fewer than 10 utterances were not" in said
    assert said.endswith(LIMIT)


def test_equal_rows_give_equal_records_without_nan():
    X, people, labels = made(5)
    assert identity("made", X, people, labels) == identity("made", X, people, labels)
    constant = identity("made", np.ones_like(X), people, labels)
    assert np.isfinite(constant.likeness).all()
    assert not constant.several


def test_the_picture_says_who_is_most_alike_and_has_its_numbers_beside_it():
    X, people, labels = made(60, 2)
    found = identity("speaker", X, people, labels)
    table = corpus_tables.identity_table(found)
    assert len(table.rows) == 60
    drawn = corpus_pictures.identity_picture(found, table)
    assert "the 40 most alike of 60" in drawn.caption
    assert drawn.caption in str(drawn.image)
    assert all(str(cell) != "nan" for row in table.rows for cell in row)


# EMO-DB ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def emodb(test_data, tmp_path_factory) -> tuple:
    """EMO-DB's 12 shortest utterances of each speaker, in a corpus whose speaker 03 has two names."""
    folder = tmp_path_factory.mktemp("who")
    rows = ["file,speaker,label"]
    for speaker in ("03", "08", "11", "13", "14"):
        paths = sorted((test_data("emodb") / "wav").glob(f"{speaker}*.wav"), key=lambda path: path.stat().st_size)
        for number, path in enumerate(paths[: 32 if speaker == "03" else 16]):
            name = "03 again" if speaker == "03" and number % 2 else speaker
            rows.append(f"{path},{name},{path.stem[5]}")
    (folder / "who.csv").write_text("\n".join(rows) + "\n")
    return folder, ("--dataset", "csv", "--data", str(folder / "who.csv"), "--scheduler", "inline")


def test_an_evaluation_warns_of_a_speaker_with_two_names_and_says_the_limit(emodb):
    folder, where = emodb
    told = affex(
        "evaluate", *where, "--features", "levels", "--classifier", "knn", "--identity", "--cache", str(folder / "c")
    )
    assert told.returncode == 0, told.stdout + told.stderr
    said = " ".join(told.stdout.split())
    assert "Speakers '03' and '03 again' may be one person (by speaker" in said
    assert LIMIT in said
    described = affex("describe", *where, "--features", "levels", "--cache", str(folder / "c"))
    assert described.returncode == 0, described.stderr
    assert "Warning: Speakers '03' and '03 again' may be one person" in described.stdout
    page = (folder / "c" / "who" / "description.html").read_text(encoding="utf-8")
    assert "Who is who" in page
    assert "How alike every two speakers are by speaker" in page


@pytest.fixture(scope="module")
def everybody(test_data) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean embedding, the speaker and the class of all utterances of EMO-DB."""
    import soundfile

    from affex.features.base import Runtime, Signal
    from affex.features.speaker import Speaker, SpeakerMel

    paths = sorted((test_data("emodb") / "wav").glob("*.wav"))
    signals = (Signal(soundfile.read(path, dtype="float32")[0], 16000) for path in paths)
    rows = Speaker().extract_many((SpeakerMel().extract(one) for one in signals), Speaker().load(Runtime()))
    speakers, labels = (np.array([path.stem[part] for path in paths]) for part in (slice(0, 2), slice(5, 6)))
    return np.stack([one.values.mean(axis=0) for one in rows]), speakers, labels


@pytest.mark.slow
def test_twenty_halves_of_speakers_are_paired_and_those_by_arousal_are_not(everybody):
    X, speakers, labels = everybody
    second = np.zeros(len(X), bool)
    for name in np.unique(speakers):
        second[np.flatnonzero(speakers == name)[1::2]] = True
    names = np.char.add(speakers, np.where(second, "b", "a"))
    U = X / np.linalg.norm(X, axis=1, keepdims=True)
    means = np.stack([U[names == name].mean(axis=0) for name in np.unique(names)])
    cosines = means @ means.T / np.outer(*2 * [np.linalg.norm(means, axis=1)])
    own = np.array([cosines[i, i + 1] for i in range(0, 20, 2)])
    others = cosines[np.abs(np.subtract.outer(np.arange(20) // 2, np.arange(20) // 2)) > 0]
    assert own.min() > 0.975
    assert others.max() < 0.965
    assert all((cosines - 9 * np.eye(20)).argmax(axis=1) == np.arange(20) ^ 1)
    found: Identity = identity("speaker", X, list(names), list(labels))
    assert [one.first[:2] for one in found.same] == [one.second[:2] for one in found.same] == sorted(set(speakers))
    aroused = np.char.add(speakers, np.where(np.isin(labels, list("WAF")), "b", "a"))
    assert len(identity("speaker", X, list(aroused), list(labels)).same) < 5
