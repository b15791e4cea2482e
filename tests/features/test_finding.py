"""Weight files are found in one way: where somebody says, in a package, in folders, or fetched from a real server."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from affex.features.base import Runtime
from affex.features.detectors import yunet
from affex.features.faces import Faces
from affex.features.networks import finding
from affex.features.networks.dlib_weights import DETECTOR
from affex.features.networks.weights import WeightError, WeightFile
from affex.pipeline.caching import cache
from affex.pipeline.specs.features import feature_specs

CONTENT = b"weights " * 999


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def file(server: ThreadingHTTPServer) -> WeightFile:
    url = f"http://127.0.0.1:{server.server_address[1]}/toy.bin"
    return WeightFile("toy.bin", hashlib.sha256(CONTENT).hexdigest(), source="the toy's makers", url=url)


@pytest.fixture(autouse=True)
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return finding.downloads()


def put(folder: Path, content: bytes = CONTENT, name: str = "toy.bin") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def test_a_file_is_fetched_once_and_kept(file, server, downloads):
    assert finding.published(file) == finding.published(file) == downloads / "toy.bin"
    assert (downloads / "toy.bin").read_bytes() == CONTENT
    assert server.asked == ["/toy.bin"]


def test_folders_come_before_downloads_and_what_is_said_before_folders(file, server, tmp_path, downloads):
    fetched = put(downloads)
    assert finding.published(file, folder=str(tmp_path / "kept")) == fetched
    kept = put(tmp_path / "kept")
    assert finding.published(file, folder=str(tmp_path / "kept")) == kept
    output = put(tmp_path / "said", name="renamed.bin")
    assert finding.published(file, str(output), str(tmp_path / "kept")) == output
    assert finding.published(file, str(put(tmp_path / "said").parent)) == tmp_path / "said" / "toy.bin"
    assert not server.asked


def test_a_package_brings_its_own(server):
    assert finding.published(DETECTOR).name == DETECTOR.name


def test_what_is_said_must_be_there_and_be_right(file, server, tmp_path):
    with pytest.raises(WeightError, match=r"There is no weight file .*none\.bin"):
        finding.published(file, str(tmp_path / "none.bin"))
    with pytest.raises(WeightError, match=rf"other\.bin is not the expected toy\.bin: .* expected {file.sha256}"):
        finding.published(file, str(put(tmp_path, b"other", "other.bin")))
    assert not server.asked


def test_a_wrong_file_in_a_folder_is_no_reason_to_fetch_another(file, server, tmp_path):
    put(tmp_path, b"cut off")
    with pytest.raises(WeightError, match=r"is not the expected toy\.bin"):
        finding.published(file, folder=str(tmp_path))
    assert not server.asked


def test_what_comes_with_another_checksum_is_not_kept(file, downloads):
    with pytest.raises(WeightError, match=r"is not the expected toy\.bin, and was not kept"):
        finding.published(replace(file, sha256="0" * 64))
    assert not (downloads / "toy.bin").exists()


def test_without_a_network_it_is_said_what_to_fetch_and_where_to_put_it(file, server, tmp_path, downloads):
    server.shutdown()
    server.server_close()
    with pytest.raises(WeightError) as caught:
        finding.published(file)
    for part in ("toy.bin was not found", file.url, file.sha256, str(downloads), "WEIGHTS="):
        assert part in str(caught.value)
    with pytest.raises(WeightError, match=f"put it into {tmp_path / 'kept'}"):
        finding.published(file, folder=str(tmp_path / "kept"))
    with pytest.raises(WeightError, match=r"affex cannot download it\.\nFetch toy\.bin by hand from the toy's makers"):
        finding.published(replace(file, url=""))


def test_a_file_of_ones_own_is_known_by_its_digest_wherever_it_moves(tmp_path):
    put(tmp_path / "kept", b"others", "a.pth")
    mine = put(tmp_path / "kept", b"mine", "z.pth")
    digest = finding.digest_of(str(mine))
    assert digest == hashlib.sha256(b"mine").hexdigest()
    assert finding.own("toy", digest, str(mine)) == mine
    assert finding.own("toy", digest, folder=str(tmp_path / "kept")) == mine
    assert finding.own("toy", digest, given=str(tmp_path / "kept")) == mine
    with pytest.raises(WeightError, match=r"a\.pth is not the expected file"):
        finding.own("toy", digest, str(tmp_path / "kept" / "a.pth"))
    for folder, where in ((str(tmp_path), f"none in {tmp_path}"), ("", "no folder was given")):
        with pytest.raises(WeightError, match=rf"toy needs the weight file with the sha256 {digest}, .*{where}"):
            finding.own("toy", digest, folder=folder)
    with pytest.raises(WeightError, match=r"name your own file, as in FEATURES=toy:weights=path/toy\.pth"):
        finding.own("toy", "")


# Where a file lies is no part of what a feature is --------------------------------------------------


def test_moving_yunet_changes_neither_feature_nor_key_nor_spec(test_data, tmp_path, monkeypatch):
    here = test_data("weights/yunet_n_dynamic.onnx")
    moved = put(tmp_path, here.read_bytes(), "moved.onnx")
    one, other = (feature_specs(f"faces:detector=yunet,weights={path}")[0] for path in (here, moved))
    assert one == other
    assert cache.recipe(one.feature).key == cache.recipe(other.feature).key
    assert str(one) == str(other) == f"faces:detector=yunet,digest={yunet.WEIGHTS[0].sha256}"
    assert "weights" not in cache.parameters(one.feature)
    [again] = feature_specs(str(one))
    assert again == one
    again.feature.require(Runtime(weights=str(here.parent)))
    Faces(detector="yunet").require(Runtime(weights=str(here.parent)))
    monkeypatch.setattr(yunet, "WEIGHTS", tuple(replace(file, url="") for file in yunet.WEIGHTS))
    with pytest.raises(WeightError, match=r"yunet_n_dynamic\.onnx was not found"):
        again.feature.require(Runtime())


def test_yunet_needs_no_file_until_it_runs(tmp_path):
    assert Faces(detector="yunet").digest == yunet.WEIGHTS[0].sha256
    with pytest.raises(WeightError, match=r"yunet_n_dynamic\.onnx is not the"):
        put(tmp_path, b"junk", yunet.WEIGHTS[0].name)
        Faces(detector="yunet").require(Runtime(weights=str(tmp_path)))
    with pytest.raises(WeightError, match="No known YuNet file has the sha256"):
        Faces(detector="yunet", weights=str(tmp_path / yunet.WEIGHTS[0].name))
