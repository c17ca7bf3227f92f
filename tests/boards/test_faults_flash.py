"""A board's flash that is full, spoilt or locked: told in words, nothing half, and the next push completes."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from deployer.errors import ProgramFailed
from deployer.run import Program, run_clip
from tests.boards.rig import RIGS, Rig, content

MANIFEST = ".manifest"


def _before(rig: Rig, folder: Path) -> dict[str, bytes]:
    rig.pushed(rig.release(folder))
    return rig.place.content()


def test_a_full_flash_is_told_before_anything_is_sent(rig: Rig, tmp_path: Path) -> None:
    """Where the release does not fit, exit 6 names the room there is; the board is as it was, to the byte."""
    rig.mount_flash("size=1m")
    old, files = _before(rig, tmp_path / "old"), rig.release(tmp_path / "new", size_bytes=3 << 20)
    tree = rig.place.tree()
    outcome = rig.push(files)

    assert (outcome.exit_code, outcome.kind, rig.place.content()) == (6, "NoSpace", old), outcome
    assert "KiB free" in outcome.message and "nothing was sent" in outcome.message and outcome.hint
    assert _data(tree) == _data(rig.place.tree())
    rig.heal()
    rig.pushed(files)


@pytest.mark.parametrize("rig", [*RIGS], indirect=True)
def test_a_flash_that_fills_up_under_way_is_told(rig: Rig, tmp_path: Path) -> None:
    """Somebody else takes the room during the push: exit 6, the old release stays, then it completes."""
    rig.mount_flash("size=4m")
    old, files = _before(rig, tmp_path / "old"), rig.release(tmp_path / "new", size_bytes=1 << 20)
    job = rig.held_push(files, 0.3)
    hog = rig.place.files.parent / "hog"
    with pytest.raises(OSError, match="No space left"), hog.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    rig.wire.stalled = False
    outcome = job.wait()

    assert (outcome.exit_code, outcome.kind, rig.place.content()) == (6, "NoSpace", old), outcome
    assert "KiB free" in outcome.message and outcome.hint
    hog.unlink()
    rig.pushed(files)


@pytest.mark.parametrize("rig", [*RIGS], indirect=True)
def test_a_flash_without_inodes_is_told(rig: Rig, tmp_path: Path) -> None:
    """Room for bytes but for no more files: exit 6 with a hint at inodes, the old release stays."""
    old, files = _before(rig, tmp_path / "old"), rig.release(tmp_path / "new")
    used = 1 + sum(1 for _ in rig.place.files.parent.rglob("*"))
    rig.mount_flash(f"nr_inodes={used + 2}")
    outcome = rig.push(files)

    assert (outcome.exit_code, outcome.kind, rig.place.content()) == (6, "NoSpace", old), outcome
    assert "df -i" in outcome.hint
    rig.heal()
    rig.pushed(files)


@pytest.mark.parametrize("rig", [*RIGS], indirect=True)
def test_a_read_only_flash_is_told(rig: Rig, tmp_path: Path) -> None:
    """Exit 6 with the board's own words and the cure; the old release stays."""
    old, files = _before(rig, tmp_path / "old"), rig.release(tmp_path / "new")
    rig.frame.mount("-o", "remount,ro", rig.frame.spec.root / "customer")
    outcome = rig.push(files)

    assert (outcome.exit_code, rig.place.content()) == (6, old), outcome
    assert "Read-only" in outcome.message and "read-only" in outcome.hint
    rig.heal()
    rig.pushed(files)


def test_an_unchanged_release_needs_no_writing(rig: Rig, tmp_path: Path) -> None:
    """On a flash that is mounted read-only, pushing what is there already succeeds."""
    files = rig.release(tmp_path / "old")
    rig.pushed(files)
    rig.frame.mount("-o", "remount,ro", rig.frame.spec.root / "customer")
    outcome = rig.push(files)

    assert (outcome.exit_code, outcome.sent) == (0, 0), outcome


def test_a_flash_that_starts_no_programs_is_told(rig: Rig, tmp_path: Path) -> None:
    """On a noexec flash the push is whole; the run ends with exit 5, the shell's reason and the cure."""
    rig.mount_flash("noexec")
    rig.pushed(rig.release(tmp_path / "new"))
    program = Program(directory=rig.config.directory / "current", name="prog", timeout_s=10)
    with rig.network.inside(), rig.place.board() as board, pytest.raises(ProgramFailed) as caught:
        run_clip(board, program, "resource/empty.wav")

    assert caught.value.exit_code == 5 and "ermission denied" in str(caught.value)
    assert "noexec" in caught.value.hint


@pytest.mark.parametrize("share", [0.0, 0.5, 0.98])
def test_a_half_written_manifest_is_mended(rig: Rig, share: float, tmp_path: Path) -> None:
    """A manifest cut off by a power failure is no manifest: the next pushes complete."""
    files = rig.release(tmp_path / "new")
    rig.pushed(files)
    manifests = [p for p in rig.place.files.rglob(MANIFEST) if p.is_file()]
    assert manifests
    for path in manifests:
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    rig.pushed(files)
    newer = rig.release(tmp_path / "newer")
    rig.pushed(newer)


def test_a_content_that_rots_on_flash_is_sent_again(rig: Rig, tmp_path: Path) -> None:
    """One flipped bit in a stored file, at the same size and time: the next push sends that file."""
    files = rig.release(tmp_path / "new")
    rig.pushed(files)
    path = rig.place.seen(rig.config.directory / "current/models/eat.img")
    whole = path.read_bytes()
    path.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    outcome = rig.push(files)

    assert (outcome.exit_code, outcome.sent, rig.place.content()) == (0, 1, content(files)), outcome


def test_a_lost_content_is_sent_again(rig: Rig, tmp_path: Path) -> None:
    """A stored file that is empty after a power cut, as unsynced files are: the next push sends that file."""
    files = rig.release(tmp_path / "new")
    rig.pushed(files)
    rig.place.seen(rig.config.directory / "current/models/eat.img").write_bytes(b"")
    outcome = rig.push(files)

    assert (outcome.exit_code, outcome.sent, rig.place.content()) == (0, 1, content(files)), outcome


def test_foreign_bytes_in_staging_never_become_content(rig: Rig, tmp_path: Path) -> None:
    """What lies in staging under a content's name but is something else is not taken for its beginning."""
    rig.pushed(rig.release(tmp_path / "old"))
    files = rig.release(tmp_path / "new", size_bytes=400_000)
    job = rig.held_push(files, 0.8)
    job.kill()
    job.wait()
    rig.wire.stalled = False
    staged = [p for p in rig.place.files.rglob("*") if p.is_file() and "staging" in p.parts]
    for path in staged:
        path.write_bytes(bytes(path.stat().st_size))

    rig.pushed(files)


def _data(tree: dict[str, bytes | str | None]) -> dict[str, bytes | str]:
    """Files and links; empty folders may come and go."""
    return {name: entry for name, entry in tree.items() if entry is not None}


def test_the_flash_is_the_boards_own(rig: Rig) -> None:
    """The faults above happen on the board's flash and not on this machine's disk."""
    assert rig.place.seen(PurePosixPath("/customer")).stat().st_dev != rig.work.stat().st_dev
