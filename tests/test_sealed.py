"""Sealed records: what is read back is what was written, or it is refused."""

import contextlib
import json
import random

import pytest

from affex.pipeline.storage.sealed import SEAL, DamagedError, opened, sealed

RECORD = {"uar": 0.5, "classes": ["Ärger", "joy"], "folds": {"03": {"n": 12, "best": None}}, "kept": True}


def text() -> bytes:
    return json.dumps(sealed(RECORD), indent=2, ensure_ascii=False).encode()


def test_a_sealed_record_comes_back_without_its_seal():
    assert opened(text()) == RECORD
    assert list(sealed(RECORD))[-1] == SEAL


def test_the_layout_does_not_count():
    assert opened(json.dumps(sealed(RECORD), sort_keys=True)) == RECORD


def test_no_flipped_byte_and_no_cut_is_read_as_something_else():
    whole, chance = text(), random.Random(0)
    for _ in range(2000):
        damaged = bytearray(whole[: chance.randrange(len(whole)) if chance.random() < 0.3 else None])
        if damaged:
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        with contextlib.suppress(DamagedError):
            assert opened(bytes(damaged)) == RECORD


@pytest.mark.parametrize(
    "foreign", [b"", b"null", b"[1]", b"{}", b'{"a": 1}', b'{"a": NaN, "sha256": "0"}', b"[" * 9999, b"\xff"]
)
def test_what_was_never_sealed_is_refused(foreign):
    with pytest.raises(DamagedError):
        opened(foreign)
