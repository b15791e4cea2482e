"""Downloads, from a real server on this machine: never fetched twice, refused when wrong, unpacked safely."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from affex.pipeline.corpora.base import Corpus, Download
from affex.pipeline.corpora.download import CHUNK, fetch
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.storage import atomic
from affex.pipeline.text.errors import AffexError, CorpusError, UsageError

N_FILES = 3


class Server(ThreadingHTTPServer):
    """Serves archives, counts the bytes that leave, and cuts its answers after `patience` bytes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.archives: dict[str, bytes] = {}
        self.served: list[int] = []
        self.patience: list[int] = []
        self.does_ranges = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        body = self.server.archives.get(self.path[1:])
        if body is None:
            self.send_error(404)
            return
        start = int((self.headers["Range"] or "bytes=0-")[len("bytes=") : -1]) if self.server.does_ranges else 0
        if start >= len(body):
            self.send_error(416)
            return
        rest = body[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        sent = rest[: self.server.patience.pop(0)] if self.server.patience else rest
        self.server.served.append(len(sent))  # before the client has all of it, and may ask for the count
        self.wfile.write(sent)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def zipped(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return file.getvalue()


def find(root: Path) -> list[Utterance]:
    names = sorted(path.relative_to(root).as_posix() for path in root.glob("wav/*.wav"))
    if not names:
        raise CorpusError(f"{root}: looked for wav/*.wav")
    return [Utterance(name, "toy", "a", "joy", Media(name)) for name in names]


def md5(content: bytes) -> str:
    return f"md5:{hashlib.md5(content).hexdigest()}"


@pytest.fixture
def corpus(server: Server) -> Corpus:
    noise = np.random.default_rng(0).bytes
    server.archives["toy.zip"] = zipped(**{f"wav__{n}_dot_wav": noise(200_000) for n in range(N_FILES)})
    return Corpus(
        name="toy",
        title="A toy",
        licence="CC0",
        source="here",
        find=find,
        example=lambda root: lay(root, "wav/a.wav"),
        counts={None: N_FILES},
        download=Download(server.url, {"toy.zip": md5(server.archives["toy.zip"])}),
    )


@pytest.fixture
def output() -> list[str]:
    return []


def names(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


WHOLE = {".fetched/toy.zip.json", *(f"wav/{n}.wav" for n in range(N_FILES))}


def test_it_is_fetched_checked_and_unpacked_after_its_licence_was_shown(corpus, server, output, tmp_path):
    root = tmp_path / "Körper mit Leerzeichen"
    fetch(corpus, root, output.append)
    assert output[0] == "A toy\nLicence: CC0\nSource: here"
    assert names(root) == WHOLE
    assert len(corpus.find(root)) == N_FILES


def test_what_is_complete_is_not_fetched_again(corpus, server, output, tmp_path):
    fetch(corpus, tmp_path, output.append)
    fetch(corpus, tmp_path, output.append)
    assert len(server.served) == 1
    assert output[-1] == f"{tmp_path} holds all of it."


def test_a_kill_while_the_record_is_written_leaves_no_half_of_it(corpus, output, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch(corpus, tmp_path, output.append)
    assert not {name for name in names(tmp_path) if name.startswith(".fetched")}
    fetch(corpus, tmp_path, output.append)
    assert names(tmp_path) == WHOLE


def interrupted(_: int) -> None:
    raise KeyboardInterrupt


def test_what_was_unpacked_by_hand_is_not_fetched(corpus, server, output, tmp_path):
    with zipfile.ZipFile(io.BytesIO(server.archives["toy.zip"])) as archive:
        archive.extractall(tmp_path)
    fetch(corpus, tmp_path, output.append)
    assert not server.served


def test_an_archive_put_there_by_hand_is_used(corpus, server, output, tmp_path):
    (tmp_path / "toy.zip").write_bytes(server.archives["toy.zip"])
    fetch(corpus, tmp_path, output.append)
    assert not server.served
    assert names(tmp_path) == WHOLE


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"cut")])
def test_a_file_that_was_deleted_or_cut_comes_back(damage, corpus, output, tmp_path):
    fetch(corpus, tmp_path, output.append)
    damage(tmp_path / "wav" / "1.wav")
    fetch(corpus, tmp_path, output.append)
    assert (tmp_path / "wav" / "1.wav").stat().st_size == 200_000


def test_a_cut_connection_is_taken_up_where_it_broke(corpus, server, output, tmp_path):
    server.patience = [300_000, 100_000]
    fetch(corpus, tmp_path, output.append)
    assert server.served[:2] == [300_000, 100_000]
    assert sum(server.served) < len(server.archives["toy.zip"]) + 2 * CHUNK
    assert names(tmp_path) == WHOLE


def test_a_download_that_ended_goes_on_at_the_next_call(corpus, server, output, tmp_path):
    server.patience = [300_000, 0]
    with pytest.raises(AffexError, match="The downloaded part is kept"):
        fetch(corpus, tmp_path, output.append)
    arrived = (tmp_path / "toy.zip.part").stat().st_size
    assert 300_000 - CHUNK < arrived <= 300_000
    assert not (tmp_path / "toy.zip").exists()
    fetch(corpus, tmp_path, output.append)
    assert server.served == [300_000, 0, len(server.archives["toy.zip"]) - arrived]
    assert names(tmp_path) == WHOLE


def test_a_server_that_does_no_parts_is_asked_for_all(corpus, server, output, tmp_path):
    server.does_ranges = False
    (tmp_path / "toy.zip.part").write_bytes(b"something else")
    fetch(corpus, tmp_path, output.append)
    assert server.served == [len(server.archives["toy.zip"])]
    assert names(tmp_path) == WHOLE


def test_a_part_that_holds_all_is_used(corpus, server, output, tmp_path):
    (tmp_path / "toy.zip.part").write_bytes(server.archives["toy.zip"])
    fetch(corpus, tmp_path, output.append)
    assert not server.served
    assert names(tmp_path) == WHOLE


@pytest.mark.parametrize("beginning", [b"", b"a part of another file"])
def test_a_wrong_file_is_refused_and_not_kept(corpus, server, output, tmp_path, beginning):
    right = server.archives["toy.zip"]
    server.archives["toy.zip"] = right[:-1] + b"?" if not beginning else right
    (tmp_path / "toy.zip.part").write_bytes(beginning)
    with pytest.raises(AffexError, match="is not the expected file, and was not kept"):
        fetch(corpus, tmp_path, output.append)
    assert not names(tmp_path)
    server.archives["toy.zip"] = right
    fetch(corpus, tmp_path, output.append)
    assert names(tmp_path) == WHOLE


@pytest.mark.parametrize("name", ["../out.wav", "wav/../../out.wav", "/tmp/affex-out.wav"])
def test_an_archive_that_reaches_out_of_the_folder_is_not_unpacked(name, corpus, server, output, tmp_path):
    server.archives["toy.zip"] = zipped(wav__0_dot_wav=b"x", **{name: b"x"})
    corpus = replace(corpus, download=Download(server.url, {"toy.zip": md5(server.archives["toy.zip"])}))
    with pytest.raises(AffexError, match="outside"):
        fetch(corpus, tmp_path / "inner", output.append)
    assert names(tmp_path) == {"inner/toy.zip"}
    assert not Path("/tmp/affex-out.wav").exists()


def test_an_archive_that_is_none_is_told(corpus, server, output, tmp_path):
    server.archives["toy.zip"] = b"no archive"
    corpus = replace(corpus, download=Download(server.url, {"toy.zip": md5(b"no archive")}))
    with pytest.raises(AffexError, match="cannot be unpacked"):
        fetch(corpus, tmp_path, output.append)


def test_an_archive_with_too_little_in_it_is_told(corpus, server, output, tmp_path):
    with pytest.raises(CorpusError, match="3 utterances found, 4 expected"):
        fetch(replace(corpus, counts={None: N_FILES + 1}), tmp_path, output.append)


def test_large_archives_come_only_when_asked_for(corpus, server, output, tmp_path):
    server.archives["more.zip"] = zipped(video__0_dot_mp4=b"video")
    plus = replace(corpus.download, extra={"more.zip": md5(server.archives["more.zip"])})
    corpus = replace(corpus, download=plus)
    fetch(corpus, tmp_path, output.append)
    assert names(tmp_path) == WHOLE
    fetch(corpus, tmp_path, output.append, extra=True)
    assert names(tmp_path) == {*WHOLE, "video/0.mp4", ".fetched/more.zip.json"}
    fetch(corpus, tmp_path, output.append, extra=True)
    assert len(server.served) == 2


def test_a_server_that_is_down_is_named_with_the_remedy(corpus, server, output, tmp_path):
    server.server_close()
    corpus = replace(corpus, download=replace(corpus.download, base_url="http://127.0.0.1:1/"))
    with pytest.raises(AffexError) as error:
        fetch(corpus, tmp_path, output.append)
    assert f"put toy.zip from http://127.0.0.1:1/ into {tmp_path} and run again" in str(error.value)


def test_a_file_that_the_server_lacks_is_told(corpus, server, output, tmp_path):
    del server.archives["toy.zip"]
    with pytest.raises(AffexError, match="404"):
        fetch(corpus, tmp_path, output.append)


def test_a_folder_that_cannot_be_made_is_told(corpus, output, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AffexError, match="cannot be written"):
        fetch(corpus, tmp_path / "file", output.append)


def test_a_corpus_that_cannot_be_fetched_is_told(corpus, output, tmp_path):
    with pytest.raises(UsageError, match="cannot download"):
        fetch(replace(corpus, download=None), tmp_path, output.append)


class Entry:
    """Stands for a repository's answer, which needs the network: what it publishes is written here."""

    def __init__(self, published: dict[str, str]) -> None:
        self.published = published

    def populate_registry(self, pooch) -> None:
        pooch.registry.update(self.published)


def test_checksums_not_known_here_are_those_the_repository_publishes(corpus, server, output, tmp_path, monkeypatch):
    right = corpus.download.files["toy.zip"]
    asked = []

    def entry(doi, **settings):
        asked.append(doi)
        return Entry({"toy.zip": right, "other.zip": "md5:0"})

    monkeypatch.setattr("pooch.core.doi_to_repository", entry)
    corpus = replace(corpus, download=Download(server.url, {"toy.zip": None}, doi="10.5281/zenodo.1"))
    fetch(corpus, tmp_path, output.append)
    assert asked == ["10.5281/zenodo.1/"]
    assert names(tmp_path) == WHOLE


def test_a_file_without_any_checksum_is_not_fetched(corpus, server, output, tmp_path, monkeypatch):
    monkeypatch.setattr("pooch.core.doi_to_repository", lambda doi, **settings: Entry({}))
    corpus = replace(corpus, download=Download(server.url, {"toy.zip": None}, doi="10.5281/zenodo.1"))
    with pytest.raises(AffexError, match=r"publishes no checksum of toy\.zip"):
        fetch(corpus, tmp_path, output.append)
    assert not server.served


def test_the_bar_is_quiet_where_nobody_watches(corpus, output, tmp_path, capfd):
    fetch(corpus, tmp_path, output.append)
    assert capfd.readouterr() == ("", "")
