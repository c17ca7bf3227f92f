"""What boards say of themselves: the parser on recorded answers, and live answers of every kind of board."""

from __future__ import annotations

import json
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from board_runner.errors import UsageError
from deployer.board import facts
from deployer.board.base import BoardFacts, Completed
from deployer.board.probe.script import PROBED
from deployer.board.ssh import SshBoard
from deployer.push import push
from tests.boards.conftest import MakeFile
from tests.boards.servers import REAL_KINDS, Place, kind_missing, real, reboot, simulated

CASES = sorted((Path(__file__).parent / "facts").glob("*.txt"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_answers_become_facts(case: Path) -> None:
    """Each answer under `facts/` gives what the JSON file beside it says; what is unsaid there is None."""
    expected: dict[str, Any] = json.loads(case.with_suffix(".json").read_text())

    found = facts.parse(case.read_bytes())

    assert {**_plain(BoardFacts()), **expected} == _plain(found)


def _plain(found: BoardFacts) -> dict[str, Any]:
    """Facts as JSON has them, with applets in order."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(found) | {"applets": sorted(found.applets)}))
    return plain


def test_there_are_cases() -> None:
    """An empty folder would make the test above vacuous."""
    assert len(CASES) >= 8


@pytest.mark.parametrize("answer", [b"", b"\xff\xfe", b"@df\n", b"@machine\n\n@date\nnever\n", b"@date"])
def test_nonsense_gives_no_facts(answer: bytes) -> None:
    """A board that says nothing usable is a board of which nothing is known."""
    assert BoardFacts() == facts.parse(answer)


def test_every_kind_of_board_answers(place: Place) -> None:
    """Machine, kernel, clock, memory and room are known of any; the clock is this machine's."""
    with place.board() as board:
        said = board.facts(place.config.directory)

    assert said.machine and said.kernel
    assert said.free_kib and said.memory_available_kib
    assert said.clock_epoch_s is not None and abs(said.clock_epoch_s - time.time()) < 60
    assert {"sha256sum", "df", "sync"} <= said.applets


@pytest.mark.parametrize("chip", ["pcupid", "maruko", "pudding"])
def test_the_chip_is_told_by_either_generation_of_nodes(chip: str) -> None:
    """New chips by their device tree, older ones by soc0 and msys."""
    with simulated(chip=chip) as place, place.board() as board:
        assert chip == board.facts(place.config.directory).chip


def test_a_configured_chip_counts_before_the_boards_word(sim: Place) -> None:
    """`chip:` in the inventory corrects a board that names itself wrongly."""
    with sim.board(chip="opera") as board:
        assert "opera" == board.facts(sim.config.directory).chip


def test_room_is_asked_where_the_directory_will_be(sim: Place) -> None:
    """A deploy directory that does not exist yet is no obstacle."""
    assert not sim.files.exists()
    with sim.board() as board:
        free = board.facts(sim.config.directory).free_kib

    assert free is not None and 100_000 < free < 105_344


DASH = Path("/bin/dash")
NO_DUMP = ["od", "hexdump", "xxd"]
FEW = [*NO_DUMP, "timeout", "stat", "sha256sum", "base64", "readlink", "cmp", "head", "wc"]


@pytest.fixture
def sparse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A dropbear board whose shell is no BusyBox, so that an applet without a link is really gone."""
    kind = REAL_KINDS["dropbear-no-password"]
    if reason := kind_missing(kind) or ("" if DASH.exists() else f"no {DASH}"):
        pytest.skip(reason)
    with real(tmp_path, kind) as place:
        (place.root / "bin/sh").unlink()
        shutil.copy(DASH, place.root / "bin/sh")  # its one library is dropbear's too
        for applet in request.param:
            (place.root / "bin" / applet).unlink(missing_ok=True)
        yield place


@pytest.mark.parametrize("sparse", [FEW, NO_DUMP], indirect=True, ids=["few", "no-dump"])
def test_few_applets_are_enough(sparse: Place) -> None:
    """Without od, stat, timeout, sha256sum, base64 and readlink the answer misses nothing but those names."""
    with sparse.board() as board:
        said = board.facts(sparse.config.directory)

    assert said.shell_elf is None or said.shell_elf.startswith("7f454c46")
    assert (said.shell_elf is None) == (not (sparse.root / "bin/cmp").exists())
    assert said.loaders and said.busybox and said.boot_id and said.uptime_s
    assert said.free_kib and said.memory_available_kib and said.clock_is_set
    assert said.applets.isdisjoint(name for name in PROBED if not (sparse.root / "bin" / name).exists())


def test_places_tell_whether_they_share_a_file_system(sim: Place, tmp_path: Path) -> None:
    """Every place of the board is told with its mount; what `df` reports of one holds for its neighbours."""
    places = {"*.wav": PurePosixPath("/customer/wavs"), "models/*": PurePosixPath("/tmp/models")}
    with sim.board(places=places) as board:
        said = board.facts(sim.config.directory).places

    assert ["/customer/deploy", "/customer/wavs", "/tmp/models"] == [place.path for place in said]
    assert (said[0].device, said[0].mount) == (said[1].device, said[1].mount)
    assert all(place.writable and place.free_kib for place in said)


def test_mounts_that_refuse_are_seen(tmp_path: Path) -> None:
    """A read-only and a noexec file system are told before anything fails on them."""
    kind = REAL_KINDS["dropbear"]
    if reason := kind_missing(kind):
        pytest.skip(reason)
    with real(tmp_path, kind, flash="size=2m,noexec") as place, place.board() as board:
        assert place.frame is not None
        (before,) = board.facts(place.config.directory).places
        place.frame.mount("-o", "remount,ro", f"{place.frame.spec.root}/customer")
        (after,) = board.facts(place.config.directory).places

    assert (before.noexec, before.read_only, before.writable, before.free_kib) == (True, False, True, 2048)
    assert (after.read_only, after.writable) == (True, False)


def test_what_cannot_change_is_asked_once_a_boot(tmp_path: Path) -> None:
    """The second answer leaves out what is known, and says the same; a reboot makes it whole again."""
    kind = REAL_KINDS["dropbear"]
    if reason := kind_missing(kind):
        pytest.skip(reason)
    answers: list[bytes] = []

    class Heard(SshBoard):
        def script(self, *args: Any, **kwargs: Any) -> Completed:
            done = super().script(*args, **kwargs)
            answers.append(done.stdout)
            return done

    with real(tmp_path, kind) as place:
        for _ in range(2):
            with Heard(place.config) as board:
                first = board.facts(place.config.directory)
        kept = facts.remembered(place.config)
        reboot(place)
        with Heard(place.config) as board:
            fresh = board.facts(place.config.directory)

    assert [True, False, True] == [b"@shell_elf" in answer for answer in answers]
    assert kept is not None and kept.boot_id == first.boot_id != fresh.boot_id
    fixed = ("machine", "kernel", "chip", "busybox", "shell_elf", "loaders")
    for name in fixed:
        assert getattr(kept, name) == getattr(first, name) == getattr(fresh, name)


def test_a_damaged_memory_is_no_memory(sim: Place, tmp_path: Path) -> None:
    """Whatever stands in the file, the board is asked and the file is written anew."""
    with sim.board() as board:
        first = board.facts(sim.config.directory)
        (file,) = (tmp_path / "state/facts").iterdir()
        for damage in (
            b"",
            b"{}",
            b"[1]",
            b'{"boot_id": 1, "sections": 2}',
            file.read_bytes()[:-30],
            b"\xff",
        ):
            file.write_bytes(damage)
            assert board.facts(sim.config.directory).shell_elf == first.shell_elf
            assert facts.remembered(sim.config) is not None


def test_a_program_for_another_machine_is_refused_before_anything_is_sent(
    sim: Place, make_file: MakeFile
) -> None:
    """The probe's word on the board's ABI against the program's own header: both are named."""
    header = bytearray(Path(sys.executable).resolve().read_bytes())
    header[18:20] = (183).to_bytes(2, "little")  # e_machine: EM_AARCH64
    program = make_file("prog_sed_eat", bytes(header), executable=True)
    with sim.board() as board, pytest.raises(UsageError, match="aarch64") as caught:
        push(board, [program], sim.config.directory, chip=lambda: "pcupid")

    assert platform.machine() in str(caught.value)
    assert not sim.files.exists()


def test_another_board_at_the_same_address_is_another_boot(tmp_path: Path) -> None:
    """What is remembered of a simulated board does not pass for its successor on the same port."""
    with simulated(chip="maruko") as place:
        with place.board() as board:
            first = board.facts(place.config.directory).chip
        config, port = place.config, place.config.port
    with simulated(chip="pudding", port=port) as place, place.board(host_key="off") as board:
        second = board.facts(config.directory).chip

    assert ("maruko", "pudding") == (first, second)
