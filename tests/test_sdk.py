"""A sequence of ours goes through the CMU-MultimodalSDK and comes back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sdk
from corpus import Listener
from foreign import cached, corpus, extracted, failures, imported

from affex.pipeline.exchange import exporting
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.text.errors import AffexError

FRAMES, FUNCTIONALS = "mfcc:n=13", "gemaps"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    made = corpus(tmp_path_factory.mktemp("corpus"))
    brackets = tuple(replace(u, id="conv[03]") if u.id == "b" else u for u in made.utterances)
    return replace(made, utterances=brackets)


def exported(dataset: Dataset, feature: str, path: Path, **settings) -> Path:
    exporting.export(dataset, extracted(dataset, feature), path, "", Listener(), **settings)
    return path


def aligned(dataset: Dataset, folder: Path, feature: str, reference: str, **settings) -> Path:
    """Export a feature and align it to another, or to the labels; return the file that the SDK deploys."""
    path = exported(dataset, feature, folder / "ours.csd", **settings)
    beside = path.with_name("ours-labels.csd")
    other = beside if reference == "labels" else exported(dataset, reference, folder / "reference.csd", **settings)
    rows, metadata = sdk.read(path)
    parts = sdk.align({"ours": rows, "reference": sdk.read(other)[0]}, "reference")["ours"]
    sdk.deploy(folder / "aligned.csd", parts, metadata)
    return folder / "aligned.csd"


def assert_same(dataset: Dataset, before, after) -> None:
    one, other = cached(dataset, before), cached(dataset, after)
    assert (other.ids, other.columns) == (one.ids, one.columns)
    assert other.values.tobytes() == one.values.tobytes()
    assert after.framewise == before.framewise
    if before.framewise:
        assert other.times.tobytes() == one.times.tobytes()


@pytest.mark.parametrize(
    ("feature", "reference"),
    [(FRAMES, FRAMES), (FRAMES, "labels"), (FUNCTIONALS, FUNCTIONALS), (FUNCTIONALS, "labels")],
)
def test_what_was_aligned_comes_back_to_the_bit(dataset, tmp_path, feature, reference):
    path = aligned(dataset, tmp_path, feature, reference)
    assert {"a[0]", "dialog%2Fe[0]", "conv%5B03][0]"} < set(sdk.read(path)[0])
    after, output = imported(path, dataset)
    assert output[0] == "5 of 6 utterances have rows in it."
    assert_same(dataset, extracted(dataset, feature), after)
    assert list(failures(dataset, after)) == ["short"]


def test_what_was_aligned_and_reverted_comes_back_to_the_bit(dataset, tmp_path):
    path = aligned(dataset, tmp_path, FRAMES, FRAMES)
    sdk.deploy(path, sdk.revert(sdk.read(path)[0]), sdk.read(path)[1])
    after, _ = imported(path, dataset)
    assert_same(dataset, extracted(dataset, FRAMES), after)


def test_recordings_that_were_aligned_come_back(dataset, tmp_path):
    path = aligned(dataset, tmp_path, FRAMES, FRAMES, by_recording=True)
    assert {"long[0]", "a[0]"} < set(sdk.read(path)[0])
    after, _ = imported(path, dataset)
    one, other = cached(dataset, extracted(dataset, FRAMES)), cached(dataset, after)
    assert other.values.tobytes() == one.values.tobytes()
    np.testing.assert_allclose(other.times, one.times, atol=1e-12)


def test_a_row_of_an_utterance_that_was_aligned_to_frames_is_frames_from_then_on(dataset, tmp_path):
    after, _ = imported(aligned(dataset, tmp_path, FUNCTIONALS, FRAMES), dataset)
    table, one = cached(dataset, after), cached(dataset, extracted(dataset, FUNCTIONALS))
    assert after.framewise
    assert len(table.values) > 100
    np.testing.assert_array_equal(np.unique(table.values[: table.offsets[1]], axis=0), one.values[:1])


def test_it_is_asked_for_nothing_on_deploying_and_prints_citations(dataset, tmp_path):
    path = exported(dataset, FUNCTIONALS, tmp_path / "ours.csd")
    for name in ("ours.csd", "ours-labels.csd"):
        rows, metadata = sdk.read(path.with_name(name))
        assert sdk.citations(metadata).startswith("bib: ")
        sdk.deploy(tmp_path / "again.csd", rows, metadata)


def test_a_file_of_ours_that_nobody_deployed_is_held_to_its_seal(dataset, tmp_path):
    path = exported(dataset, FUNCTIONALS, tmp_path / "ours.csd")
    rows, metadata = sdk.read(path)
    sdk.deploy(path, {**rows, "a": (rows["a"][0], rows["a"][1] + 1)}, metadata)
    imported(path, dataset)  # deployed: another's, whatever its metadata say
    import h5py

    with h5py.File(path, "r+") as file:
        del file[f"{FUNCTIONALS}/metadata/uuid"]
    with pytest.raises(AffexError, match="it differs from what affex wrote"):
        imported(path, dataset)


def test_a_part_of_one_that_may_be_another_by_name_is_nobodys(dataset, tmp_path):
    path = aligned(dataset, tmp_path, FRAMES, "labels")
    twins = tuple(replace(u, id="a[0]") if u.id == "d" else u for u in dataset.utterances)
    _, output = imported(path, replace(dataset, utterances=twins), "twins")
    assert any("1 of its keys" in sentence and "several" in sentence and ": a[0]" in sentence for sentence in output)
