"""Declared lengths: from a file's header or end to its length, which shows whether the file was cut short.

There are two kinds. RIFF, RF64, W64, AIFF, IFF, AU, CAF, VOC, MP4, Matroska and ASF declare their number of bytes; FLV
declares the time of its last tag, and Ogg marks its last page. MP4, AVI, NIST SPHERE, lossless codecs, Matroska's tag
and the Xing frame of an MP3 declare the end of a stream. Other files, and files that a program wrote into a pipe, have
no declared length. FFmpeg's guesses from bit rates are not used.

Sources: Microsoft and IBM, Multimedia Programming Interface and Data Specifications 1.0, 1991 (RIFF); EBU Tech 3306
(RF64); Sony, Wave64; Apple, AIFF 1.3 and Core Audio Format 1.0; RFC 8794 (EBML); ISO/IEC 14496-12 (MP4); Microsoft,
Advanced Systems Format 1.20; Adobe, Flash Video 10.1; RFC 3533 (Ogg); RFC 9639 (FLAC).
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

#: Programs that do not know a size write 0 or about the largest one: SoX 2**31 - 4096, others 2**32 - 1 less a header.
NEAR = 2**16

#: The last tags of an FLV may begin this much before its declared end, s, since tags have a duration.
LAST_TAG = 0.5

#: How many tags at the end of an FLV are read: tags of sound and pictures alternate, and some mark an end.
LAST_TAGS = 256

#: The most bytes of a page of Ogg.
OGG_PAGE = 27 + 255 + 255 * 255

#: A chunk of RIFF begins with a name and a size, bytes.
CHUNK_HEADER = 8

#: The size of a file's first headers, bytes.
HEAD = 2**14

#: The codes of integers and floats in a wav.
PLAIN = (1, 3)

_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_SEGMENT = bytes.fromhex("18538067")
_EXTENSIBLE = 0xFFFE
_MP4_BOXES = b"ftyp styp moov mdat moof mfra sidx ssix free skip wide uuid meta pnot udta prft emsg".split()


@dataclass(frozen=True)
class _Layout:
    """The layout of the chunks of a format: a name, then a size.

    Parameters
    ----------
    inclusive
        Whether the size counts the chunk's own header.
    align
        The position of a chunk is a multiple of this, bytes.
    """

    name: int
    size: str
    inclusive: bool = False
    align: int = 1

    @property
    def header(self) -> int:
        return self.name + struct.calcsize(self.size)


_RIFF = _Layout(4, "<I", align=2)
_AIFF = _Layout(4, ">I", align=2)
_CAF = _Layout(4, ">q")
_W64 = _Layout(16, "<q", inclusive=True, align=8)


def _chunks(file: BinaryIO, at: int, layout: _Layout) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, size and position of the content of each chunk, from byte `at` on."""
    while True:
        file.seek(at)
        header = file.read(layout.header)
        if len(header) < layout.header:
            return
        (size,) = struct.unpack(layout.size, header[layout.name :])
        inside = size - layout.header * layout.inclusive
        yield header[: layout.name], inside, at + layout.header
        at += layout.header + inside
        at += -at % layout.align
        if inside < 0:
            return


def cut_short(path: Path) -> str | None:
    """Return the evidence that a file was cut short, as the end of a sentence; None if it is complete or unknown."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        held = file.seek(0, 2)
        if head[:4] == b"OggS":
            return None if _ogg_ends(file, held) else "its last page is not marked as the end"
        if head[:3] == b"FLV":
            return _cut_flv(file, head, held)
        promised = _n_bytes(file, head)
    if promised is None or promised <= held:
        return None
    return f"it declares {promised} bytes and has {held}"


def is_plain_wav(path: Path) -> bool:
    """Whether a file is a wav of integers or floats with a declared length that is complete."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return False
        kind = None
        for name, size, at in _chunks(file, 12, _RIFF):
            if name == b"fmt ":
                kind = _kind(file.read(min(size, 26)))
            if name == b"data":
                return kind in PLAIN and not _is_unknown(size) and at + size <= file.seek(0, 2)
    return False


def _kind(fmt: bytes) -> int:
    """Return the code of a wav's sample format."""
    kind = int.from_bytes(fmt[:2], "little")
    return int.from_bytes(fmt[24:26], "little") if kind == _EXTENSIBLE else kind


def _is_unknown(size: int) -> bool:
    """Whether a size is one that programs write if they do not know it."""
    return size <= 0 or any(abs(size - limit) <= NEAR for limit in (2**31, 2**32, 2**63))


def _n_bytes(file: BinaryIO, head: bytes) -> int | None:
    """Return the declared number of bytes of a file, at least; None without one."""
    for is_it, read in _BOXES:
        if is_it(head):
            return read(file)
    return None


def _voc(file: BinaryIO) -> int | None:
    """Return the end of the last block, bytes; a block begins with a kind of one byte and a size of three."""
    at = int.from_bytes(_first(file, 22)[20:], "little")
    while True:
        file.seek(at)
        header = file.read(4)
        if len(header) < 4 or not header[0]:
            return at
        at += 4 + int.from_bytes(header[1:], "little")


def _until(file: BinaryIO, at: int, layout: _Layout, wanted: bytes) -> int | None:
    """Return the end of the chunk with the sound, bytes."""
    sizes = {}
    for name, size, inside in _chunks(file, at, layout):
        if name == b"ds64":
            sizes[wanted] = int.from_bytes(file.read(16)[8:], "little")
        if name[:4] == wanted:
            promise = sizes.get(wanted, size)
            return None if _is_unknown(promise) else inside + promise
    return None


def _wav(file: BinaryIO) -> int | None:
    return _until(file, 12, _RIFF, b"data")


def _w64(file: BinaryIO) -> int | None:
    return _until(file, 40, _W64, b"data")


def _aiff(file: BinaryIO) -> int | None:
    return _until(file, 12, _AIFF, b"SSND")


def _caf(file: BinaryIO) -> int | None:
    return _until(file, 8, _CAF, b"data")


def _au(file: BinaryIO) -> int | None:
    file.seek(0)
    _, at, size = struct.unpack("<4sII" if file.read(1) == b"d" else ">4sII", _first(file, 12))
    return None if _is_unknown(size) else at + size


def _form(file: BinaryIO) -> int | None:
    size = int.from_bytes(_first(file, 8)[4:], "big")
    return None if _is_unknown(size) else 8 + size


def _avi(file: BinaryIO) -> int | None:
    """Return the end of the last RIFF chunk, bytes: a file of more than a gigabyte has several."""
    ends = 0
    for name, size, inside in _chunks(file, 0, _RIFF):
        if name != b"RIFF" or _is_unknown(size):
            break
        ends = inside + size
    return ends or None


def _mp4(file: BinaryIO) -> int | None:
    """Return the end of the last box, bytes."""
    at = 0
    while True:
        file.seek(at)
        header = file.read(16)
        if len(header) < 8 or header[4:8] not in _MP4_BOXES:  # other bytes may follow the last box
            return at or None
        size = int.from_bytes(header[:4], "big")
        if size == 1:
            size = int.from_bytes(header[8:], "big")
        if size < 8:  # 0: up to the end of the file
            return None
        at += size


def _matroska(file: BinaryIO) -> int | None:
    head = _first(file, HEAD)
    at = head.find(_SEGMENT) + len(_SEGMENT)
    if at < len(_SEGMENT) or at == len(head) or not head[at]:
        return None
    width = 9 - head[at].bit_length()
    size = int.from_bytes(head[at : at + width], "big") & (2 ** (7 * width) - 1)
    return None if size == 2 ** (7 * width) - 1 else at + width + size


def _asf(file: BinaryIO) -> int | None:
    head = _first(file, HEAD)
    at = head.find(_ASF_FILE)
    if at < 0 or len(head) < at + 92 or head[at + 88] & 1:  # unknown in a broadcast
        return None
    return int.from_bytes(head[at + 40 : at + 48], "little") or None


def _first(file: BinaryIO, n: int) -> bytes:
    file.seek(0)
    return file.read(n)


def _begins(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magics)


_BOXES: tuple[tuple[Callable[[bytes], bool], Callable[[BinaryIO], int | None]], ...] = (
    (lambda head: head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE", _wav),
    (lambda head: head[:4] == b"RIFF" and head[8:12] == b"AVI ", _avi),
    (_begins(b"riff"), _w64),
    (lambda head: head[:4] == b"FORM" and head[8:11] == b"AIF", _aiff),
    (_begins(b"FORM"), _form),
    (_begins(b"Creative Voice File"), _voc),
    (_begins(b".snd", b"dns."), _au),
    (_begins(b"caff"), _caf),
    (lambda head: head[4:8] in _MP4_BOXES, _mp4),
    (_begins(bytes.fromhex("1a45dfa3")), _matroska),
    (_begins(bytes.fromhex("3026b2758e66cf11")), _asf),
)


def _ogg_ends(file: BinaryIO, held: int) -> bool:
    """Whether the last page is complete and marked as the end of its stream."""
    begin = max(held - 2 * OGG_PAGE, 0)
    file.seek(begin)
    tail = file.read()
    at = tail.rfind(b"OggS")
    if at < 0 or len(tail) < at + 27:
        return False
    n_segments = tail[at + 26]
    whole = at + 27 + n_segments + sum(tail[at + 27 : at + 27 + n_segments])
    return bool(tail[at + 5] & 4) and whole <= len(tail)


def _cut_flv(file: BinaryIO, head: bytes, held: int) -> str | None:
    """Compare the time of the last tag with the length in the first; return the evidence of a cut, or None."""
    at = head.find(b"duration\x00")
    declared = struct.unpack_from(">d", head, at + 9)[0] if 0 <= at <= len(head) - 17 else 0.0
    if not declared > 0:
        return None
    times = list(_last_tags(file, held))
    if not times:
        return f"it declares {declared:.3f} s and ends inside a tag"
    return f"it declares {declared:.3f} s and ends at {max(times):.3f} s" if max(times) < declared - LAST_TAG else None


def _last_tags(file: BinaryIO, held: int) -> Iterator[float]:
    """Yield the times of the last tags of an FLV, s, backwards from its end; each tag is followed by its size."""
    at = held
    for _ in range(LAST_TAGS):
        file.seek(max(at - 4, 0))
        size = int.from_bytes(file.read(4), "big")
        at -= 4 + size
        if size < 11 or at < 9:
            return
        file.seek(at)
        tag = file.read(11)
        if int.from_bytes(tag[1:4], "big") + 11 != size:
            return
        yield int.from_bytes(tag[7:8] + tag[4:7], "big") / 1000


def declared_end(path: Path, container: Any, stream: Any, origin: float) -> float | None:
    """Return the declared end of a stream, s on the file's clock; None without one.

    If a header does not count frames, FFmpeg's `duration` is a guess from a few packets (MPEG) or from a bit rate
    (MP3), which may be far off.

    Parameters
    ----------
    container, stream
        As opened by FFmpeg.
    origin : float, s
        The stream's time at the file's beginning.
    """
    name = container.format.name.partition(",")[0]
    if stream.frames and stream.duration and (name != "avi" or _has_length(path, stream)):
        lasts = stream.frames if name == "avi" else stream.duration  # FFmpeg shortens the duration of a cut AVI
        return float(((stream.start_time or 0) + lasts) * stream.time_base) - origin
    reader = _ENDS.get(name)
    ends = reader(path, stream) if reader else None
    return None if ends is None else ends - origin


def counts_chunks(stream: Any) -> bool:
    """Whether each chunk of an AVI's stream is one tick; otherwise its length is in bytes, often with errors."""
    entries = stream.index_entries
    return len(entries) > 1 and entries[len(entries) - 1].timestamp - entries[len(entries) - 2].timestamp == 1


def ticks_of_chunks(stream: Any) -> dict[int, int]:
    """Return the time of each chunk of an AVI's sound, in ticks, by its position in the file; empty without index."""
    entries = list(stream.index_entries)
    if len(entries) < 2:
        return {}
    n_bytes, n_ticks = entries[0].size, entries[1].timestamp - entries[0].timestamp
    if n_ticks not in (1, n_bytes):
        return {}
    coding = stream.codec_context
    is_plain = n_ticks == n_bytes and coding.name.startswith("pcm_")  # FFmpeg then counts samples, its index bytes
    size = coding.layout.nb_channels * coding.format.bytes if is_plain else 1
    return {entry.pos + CHUNK_HEADER: entry.timestamp // size for entry in entries}


def _has_length(path: Path, stream: Any) -> bool:
    """Whether an AVI's count of chunks is valid; in a file written into a pipe it is arbitrary."""
    with path.open("rb") as file:
        is_endless = _avi(file) is None
    return not is_endless and (stream.type == "video" or counts_chunks(stream))


def _by_tag(path: Path, stream: Any) -> float | None:  # noqa: ARG001
    """Return the end in Matroska's tag, s: FFmpeg writes the end of a stream, mkvmerge its duration."""
    hours, _, rest = stream.metadata.get("DURATION", "").partition(":")
    minutes, _, seconds = rest.partition(":")
    begins = float((stream.start_time or 0) * stream.time_base) if "_STATISTICS_TAGS" in stream.metadata else 0.0
    try:
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds) + begins if seconds else None
    except ValueError:
        return None


def _by_streaminfo(path: Path, stream: Any) -> float | None:
    """Return the number of samples in FLAC's first block as seconds; frames are numbered from the stream's start."""
    with path.open("rb") as file:
        head = file.read(26)
    if head[:4] != b"fLaC" or len(head) < 26:
        return None
    n_samples = int.from_bytes(head[21:26], "big") & (2**36 - 1)
    return n_samples / stream.rate if n_samples else None


def _by_xing(path: Path, stream: Any) -> float | None:
    """Return the number of frames in the first frame of an MP3 as seconds, counted as by FFmpeg."""
    with path.open("rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3":
            file.seek(10 + sum((byte & 127) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True)))
        else:
            file.seek(0)
        frame = file.read(256)
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    if at < 0 or len(frame) < at + 12 or not frame[at + 7] & 1:
        return None
    n_frames = int.from_bytes(frame[at + 8 : at + 12], "big")
    return float(n_frames * (1152 if stream.rate >= 32000 else 576) / stream.rate)


def _by_header(path: Path, stream: Any) -> float | None:  # noqa: ARG001
    """Return the length that FFmpeg reads from the header of a format that declares it, s."""
    return None if stream.duration is None else float(stream.duration * stream.time_base)


_ENDS: dict[str, Callable[[Path, Any], float | None]] = {
    "matroska": _by_tag,
    "flac": _by_streaminfo,
    "mp3": _by_xing,
    **dict.fromkeys(("nistsphere", "tta", "wv", "ape"), _by_header),
}
