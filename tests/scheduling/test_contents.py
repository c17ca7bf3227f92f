"""Files by content on a worker's machine: whole or not there, sent once, and gone when nobody asks any more."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from deployer.errors import ClusterFailed
from deployer.scheduling import contents


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(contents, "PART_BYTES", 1000)


def _send(source: Path, sha256: str, sender: str = "one") -> int:
    """As a command does; gives the number of pieces."""
    pieces = list(contents.parts(source))
    for number, (piece, last) in enumerate(pieces):
        contents.take(sha256, piece, sender=sender, first=number == 0, last=last)
    return len(pieces)


@pytest.mark.parametrize(("size_bytes", "pieces"), [(0, 1), (999, 1), (1000, 1), (1001, 2), (2500, 3)])
def test_a_file_arrives_in_pieces_and_is_lacked_no_more(tmp_path: Path, size_bytes: int, pieces: int) -> None:
    """An empty file is a piece too."""
    source = tmp_path / "source"
    source.write_bytes(os.urandom(size_bytes))
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()

    assert (sha256,) == contents.lacking([sha256, sha256])
    assert pieces == _send(source, sha256)
    assert () == contents.lacking([sha256])
    assert source.read_bytes() == contents.path_of(sha256).read_bytes()


def test_what_is_not_whole_or_not_the_same_is_not_there(tmp_path: Path) -> None:
    """A sender that ended in the middle leaves nothing that is taken for the file; the next one sends it whole."""
    source = tmp_path / "source"
    source.write_bytes(os.urandom(2500))
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    contents.take(sha256, b"the first piece", sender="dead", first=True, last=False)
    assert (sha256,) == contents.lacking([sha256])

    with pytest.raises(ClusterFailed, match="another than was sent"):
        contents.take(sha256, b"other bytes", sender="wrong", first=True, last=True)
    assert (sha256,) == contents.lacking([sha256])

    _send(source, sha256)
    assert () == contents.lacking([sha256])


def test_what_nobody_asked_for_in_a_month_goes(tmp_path: Path) -> None:
    """Also the pieces of a dead sender; what is asked for stays."""
    source = tmp_path / "source"
    hashes = []
    for number in range(3):
        source.write_bytes(bytes([number]) * 10)
        hashes.append(hashlib.sha256(source.read_bytes()).hexdigest())
        _send(source, hashes[-1])
    contents.take("f" * 64, b"half", sender="dead", first=True, last=False)
    old_s = time.time() - contents.KEPT_S - 60
    for path in contents.path_of("").iterdir():
        os.utime(path, (old_s, old_s))
    assert () == contents.lacking(hashes[:1])

    source.write_bytes(b"new")
    _send(source, hashlib.sha256(b"new").hexdigest())
    assert tuple(hashes[1:]) == contents.lacking(hashes)
    assert 2 == len(list(contents.path_of("").iterdir()))
