"""Releases on a board: what is kept, what goes, and how one goes back."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from board_runner.errors import UsageError
from deployer.board.base import Board
from deployer.errors import NoSpace, TransferError
from deployer.events import Event, Warned
from deployer.push import push
from deployer.release import keeping
from deployer.release.manifest import NAME
from tests.boards.conftest import MakeFile
from tests.boards.servers import Place, simulated


def _content(place: Place) -> dict[str, bytes]:
    return {name: data for name, data in place.content().items() if name != NAME}


def _stored(folder: Path) -> int:
    return len(list((folder / "store").iterdir()))


def test_a_release_is_one_pointer_to_links_to_contents(place: Place, make_file: MakeFile) -> None:
    """`current` is a link, the vendor's names below it are links, and one content is stored once."""
    files = [make_file("models/eat.img", b"model"), make_file("a.wav", b"same"), make_file("b.wav", b"same")]
    with place.board() as board:
        report = push(board, files, place.config.directory)

    assert place.current.is_symlink()
    assert place.current.resolve().name == report.release
    assert all((place.current / f.name).is_symlink() for f in files)
    assert {"models/eat.img": b"model", "a.wav": b"same", "b.wav": b"same"} == _content(place)
    assert _stored(place.files) == 2


def test_rollback_goes_back_one_step_and_says_so_beforehand(place: Place, make_file: MakeFile) -> None:
    """The release before is current again; the dry run names it; a second step is refused, nothing is sent."""
    model = make_file("eat.img", b"first")
    with place.board() as board:
        first = push(board, [model], place.config.directory)
        model.source.write_bytes(b"second")
        second = push(board, [model], place.config.directory)
        asked = keeping.rollback(board, dry_run=True)
        assert _content(place) == {"eat.img": b"second"}
        done = keeping.rollback(board)
        assert _content(place) == {"eat.img": b"first"}
        with pytest.raises(UsageError, match="no release before"):
            keeping.rollback(board)

        again = push(board, [model], place.config.directory)

    assert (first.previous, second.previous) == (None, first.release)
    assert (asked.before, asked.release, asked.dry_run) == (second.release, first.release, True)
    assert (done.before, done.release) == (second.release, first.release)
    assert again.release == second.release
    assert _content(place) == {"eat.img": b"second"}


def test_only_so_many_releases_stay(sim: Place, make_file: MakeFile) -> None:
    """With `keep: 1` the third push takes the first release and its contents away."""
    model, wav = make_file("eat.img", b"0"), make_file("a.wav", b"always")
    with sim.board() as board:
        reports = []
        for version in (b"1", b"2", b"3"):
            model.source.write_bytes(version)
            reports.append(push(board, [model, wav], sim.config.directory))
        found = keeping.status(board)

    assert {r.release for r in reports[1:]} == set(found.releases)
    assert _stored(sim.files) == 3  # two models and the wav
    assert found.unused_bytes == 0


def test_nothing_stays_with_keep_0(sim: Place, make_file: MakeFile) -> None:
    """`keep: 0` leaves the current release alone, and the report promises no way back."""
    model = make_file("eat.img", b"1")
    with sim.board(keep=0) as board:
        push(board, [model], sim.config.directory)
        model.source.write_bytes(b"2")
        report = push(board, [model], sim.config.directory)
        with pytest.raises(UsageError, match="no release before"):
            keeping.rollback(board)

    assert report.previous is None
    assert _stored(sim.files) == 1


def test_a_small_flash_refuses_and_names_the_way(make_file: MakeFile) -> None:
    """Two releases of 300 KiB do not fit on 512: the refusal prints `--replace`, and that goes through."""
    model = make_file("eat.img", os.urandom(300 << 10))
    old = model.source.read_bytes()
    events: list[Event] = []
    with simulated(flash_kib=512) as place, place.board() as board:
        push(board, [model], place.config.directory)
        model.source.write_bytes(os.urandom(300 << 10))
        with pytest.raises(NoSpace, match="nothing was sent") as refused:
            push(board, [model], place.config.directory)
        assert _content(place) == {"eat.img": old}
        report = push(board, [model], place.config.directory, replace=True, emit=events.append)
        assert _content(place) == {"eat.img": model.source.read_bytes()}

    assert "deploy push --replace" in refused.value.hint
    assert "keep: 0" in refused.value.hint
    assert report.previous is None
    assert any("no way back" in e.message for e in events if isinstance(e, Warned))


def test_older_releases_make_room_by_themselves(make_file: MakeFile) -> None:
    """Where the former release is in the way of the next one it goes, with a word, and the current one stays."""
    model = make_file("eat.img", os.urandom(150 << 10))
    events: list[Event] = []
    with simulated(flash_kib=512) as place, place.board() as board:
        for _ in range(3):
            model.source.write_bytes(os.urandom(150 << 10))
            report = push(board, [model], place.config.directory, emit=events.append)
        assert _content(place) == {"eat.img": model.source.read_bytes()}
        assert _stored(place.files) == 2

    assert report.previous is not None
    assert any("older ones go first" in e.message for e in events if isinstance(e, Warned))


def test_what_does_not_fit_at_all_is_refused_with_replace_too(make_file: MakeFile) -> None:
    """`--replace` does not empty a board for something that cannot fit anyway."""
    small, big = make_file("a", b"small"), make_file("b", os.urandom(600 << 10))
    with simulated(flash_kib=512) as place, place.board() as board:
        push(board, [small], place.config.directory)
        with pytest.raises(NoSpace, match="nothing was sent") as refused:
            push(board, [big], place.config.directory, replace=True)
        assert _content(place) == {"a": b"small"}

    assert "--replace" not in refused.value.hint


def test_contents_can_lie_elsewhere_and_their_loss_is_noticed(place: Place, make_file: MakeFile) -> None:
    """`places` puts wavs in RAM; gone after a restart, they are sent again, and nothing else is."""
    ram = PurePosixPath("/tmp/ram") if place.sim else PurePosixPath(place.files.parent / "ram")
    ram_here = place.sim.root / "tmp/ram" if place.sim else Path(ram)
    files = [make_file("prog", b"#!/bin/sh\n", executable=True), make_file("resource/a.wav", b"sound")]
    with place.board(places={"resource/*": ram}) as board:
        push(board, files, place.config.directory)
        assert _stored(ram_here) == 1
        for path in (ram_here / "store").iterdir():
            path.unlink()
        damaged = keeping.status(board).current
        report = push(board, files, place.config.directory)

    assert damaged is not None
    assert damaged.damaged == (PurePosixPath("resource/a.wav"),)
    assert report.sent == (PurePosixPath("resource/a.wav"),)
    assert _content(place)["resource/a.wav"] == b"sound"


def test_a_damaged_former_release_is_not_gone_back_to(sim: Place, make_file: MakeFile) -> None:
    """Rollback checks by content first; the current release stays."""
    model = make_file("eat.img", b"first")
    with sim.board() as board:
        first = push(board, [model], sim.config.directory)
        model.source.write_bytes(b"second")
        push(board, [model], sim.config.directory)
        (sim.files / "releases" / first.release / "eat.img").resolve().write_bytes(b"spoilt")
        with pytest.raises(TransferError, match=r"is damaged: eat\.img; nothing was changed"):
            keeping.rollback(board)

    assert _content(sim) == {"eat.img": b"second"}


def test_gc_takes_what_nothing_needs(sim: Place, make_file: MakeFile) -> None:
    """Cut-off transfers and foreign contents go; what a release needs stays; the dry run changes nothing."""
    model = make_file("eat.img", b"model")
    with sim.board() as board:
        push(board, [model], sim.config.directory)
        (sim.files / "staging" / ("0" * 64)).write_bytes(b"half")
        (sim.files / "store" / ("1" * 64)).write_bytes(b"nobody's")
        found = keeping.status(board)
        asked = keeping.collect(board, dry_run=True)
        done = keeping.collect(board)
        after = keeping.status(board)

    assert (found.staging_bytes, found.unused_bytes) == (4, 12)
    assert asked.removed == done.removed
    assert (done.bytes, after.staging_bytes, after.unused_bytes) == (12, 0, 0)
    assert _content(sim) == {"eat.img": b"model"}


def test_a_pointer_lost_at_the_wrong_instant_is_set_again(sim: Place, make_file: MakeFile) -> None:
    """An old `mv` leaves `current` away for an instant: a power cut there costs no transfer."""
    model = make_file("eat.img", b"model")
    with sim.board() as board:
        push(board, [model], sim.config.directory)
        sim.current.rename(sim.files / "current.next")
        report = push(board, [model], sim.config.directory)

    assert report.sent == ()
    assert _content(sim) == {"eat.img": b"model"}


def test_a_half_made_release_is_made_anew(sim: Place, make_file: MakeFile) -> None:
    """What a cut left of a release in the making does not get in the way of the next push."""
    model = make_file("eat.img", b"model")
    with sim.board() as board:
        release = push(board, [model], sim.config.directory, dry_run=True).release
        half = sim.files / "releases" / f"{release}.new"
        (half / "eat.img").mkdir(parents=True)
        push(board, [model], sim.config.directory)

    assert _content(sim) == {"eat.img": b"model"}
    assert not half.exists()


@pytest.mark.parametrize("transfer", ["tar", "cat", "sftp", "scp", "base64"])
def test_every_way_to_transfer_brings_the_same(transfer: str, place: Place, make_file: MakeFile) -> None:
    """Whatever carries the bytes, they arrive: empty files, large ones, programs."""
    files = [
        make_file("prog", os.urandom(70_001), executable=True),
        make_file("empty", b""),
        make_file("models/eat.img", os.urandom(600_000)),
    ]
    with place.board(transfer=transfer) as board:
        if transfer == "sftp" and board.sftp() is None:
            with pytest.raises(TransferError, match="no SFTP server"):
                push(board, files, place.config.directory)
            return
        push(board, files, place.config.directory)

    assert {str(f.name): f.source.read_bytes() for f in files} == _content(place)
    assert os.access(place.current / "prog", os.X_OK)
    assert not os.access(place.current / "empty", os.X_OK)


def test_a_release_needs_links(sim: Place, make_file: MakeFile) -> None:
    """Where no symbolic link can be made the refusal says so, before anything is sent."""

    def count(board: Board) -> int:
        return len(list(sim.files.rglob("*"))) if sim.files.exists() else 0

    assert sim.sim is not None
    fake = sim.sim.root / ".simboard/bin/ln"
    fake.write_text("#!/bin/sh\necho 'ln: Operation not permitted' >&2\nexit 1\n")
    fake.chmod(0o755)
    with sim.board() as board, pytest.raises(TransferError, match="Operation not permitted") as refused:
        push(board, [make_file("a", b"1")], sim.config.directory)
        assert count(board) == 0
    assert "symbolic links" in refused.value.hint
