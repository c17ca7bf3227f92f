"""The parts of an emulated board, each on its own."""

from __future__ import annotations

import stat
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from board_runner.emulator.devicetree import with_model
from board_runner.emulator.errors import EmulatorError
from board_runner.emulator.flash import make_flash
from board_runner.emulator.initramfs import cpio
from board_runner.emulator.kernel import depends, loading_order
from board_runner.emulator.keys import kept_host_key
from board_runner.emulator.packages import Packages

APT = """#!/bin/sh
# fails with WORDS as often as there are files in the folder `failures`
for first in {folder}/failures/*; do
    if [ -e "$first" ]; then rm "$first"; echo "E: {words}" >&2; exit 100; fi
done
echo "$1" >>{folder}/asked
if [ "$1" = update ]; then : >lists/mirror_Packages; else : >busybox_1_amd64.deb; fi
"""


def tree(model: str) -> bytes:
    """A flattened device tree: a root with `compatible`, `model` and a child that has a model of its own."""
    strings = b"compatible\0model\0"

    def node(name: bytes, *inside: bytes) -> bytes:
        padded = name + bytes(4 - len(name) % 4)
        return struct.pack(">I", 1) + padded + b"".join(inside) + struct.pack(">I", 2)

    def prop(at: int, text: str) -> bytes:
        value = text.encode() + b"\0"
        return struct.pack(">III", 3, len(value), at) + value + bytes(-len(value) % 4)

    structure = node(b"", prop(0, "x,board"), prop(11, model), node(b"child", prop(11, "inner")))
    structure += struct.pack(">I", 9)
    sizes = (len(strings), len(structure))
    end = 40 + sum(sizes)
    header = struct.pack(">10I", 0xD00DFEED, end + 512, 40, 40 + sizes[1], 0, 17, 16, 0, *sizes)
    return header + structure + strings + bytes(512)


def models(blob: bytes) -> list[str]:
    """Every `model` property, outermost first, by walking the tokens."""
    at, strings = struct.unpack_from(">II", blob, 8)
    found = []
    while True:
        (token,) = struct.unpack_from(">I", blob, at)
        at += 4
        if token == 1:
            at = -(-(blob.index(b"\0", at) + 1) // 4) * 4
        elif token == 3:
            length, name = struct.unpack_from(">II", blob, at)
            value = blob[at + 8 : at + 8 + length]
            if blob[strings + name :].startswith(b"model\0"):
                found.append(value.rstrip(b"\0").decode())
            at = -(-(at + 8 + length) // 4) * 4
        elif token == 9:
            return found


@given(st.text("ABCabc019-", min_size=1, max_size=16))
def test_the_board_gets_its_name_and_the_rest_stays(name: str) -> None:
    """Only the outermost model changes, whatever its length, and the tree says how long it is."""
    renamed = with_model(tree("linux,dummy-virt"), name)
    assert [name, "inner"] == models(renamed)
    assert struct.unpack_from(">I", renamed, 4)[0] == len(renamed)


def test_a_name_without_room_is_refused() -> None:
    """So is what is no device tree."""
    with pytest.raises(EmulatorError, match="too long"):
        with_model(tree("short"), "x" * 60)
    with pytest.raises(EmulatorError, match="no flattened device tree"):
        with_model(b"no tree", "PCUPID")


@given(st.dictionaries(st.text("abcdefgh", min_size=1, max_size=9), st.binary(max_size=9), max_size=5))
def test_the_archive_holds_what_the_folder_holds(files: dict[str, bytes]) -> None:
    """Every file, link and folder is read back with its content and mode, as root's."""
    import tempfile

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "in").mkdir()
        (folder / "in" / "link").symlink_to("else/where")
        for name, content in files.items():
            (folder / "in" / f"{name}.x").write_bytes(content)
        entries = unpacked(cpio(folder))
    assert entries.pop("in")[1] == b""
    mode, target = entries.pop("in/link")
    assert (True, b"else/where") == (stat.S_ISLNK(mode), target)
    assert {f"in/{name}.x": content for name, content in files.items()} == {
        name: content for name, (_, content) in entries.items()
    }


def unpacked(archive: bytes) -> dict[str, tuple[int, bytes]]:
    """Name -> mode and content of a `newc` archive."""
    found: dict[str, tuple[int, bytes]] = {}
    at = 0
    while True:
        fields = [int(archive[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        assert archive[at : at + 6] == b"070701" and (fields[2], fields[3]) == (0, 0)
        name = archive[at + 110 : at + 109 + fields[11]].decode()
        start = -(-(at + 110 + fields[11]) // 4) * 4
        if name == "TRAILER!!!":
            return found
        found[name] = (fields[1], archive[start : start + fields[6]])
        at = -(-(start + fields[6]) // 4) * 4


def test_modules_are_loaded_after_what_they_need(tmp_path: Path) -> None:
    """Each once, dependencies first; one that is built in is not missed; a file without the word is refused."""
    needs = {"net": "ring,core", "ring": "core", "core": "", "unused": ""}
    modules = {name: tmp_path / f"{name}.ko" for name in needs}
    for name, path in modules.items():
        path.write_bytes(b"\x7fELF..\0depends=" + needs[name].encode() + b"\0intree=Y\0")
    order = loading_order(modules, ["built_in", "net", "core"])
    assert ["core", "ring", "net"] == [path.stem for path in order]
    (tmp_path / "odd.ko").write_bytes(b"\x7fELF")
    with pytest.raises(EmulatorError, match="no kernel module"):
        depends(tmp_path / "odd.ko")


def test_a_board_keeps_its_host_key(tmp_path: Path) -> None:
    """The second start reads the first one's key, which nobody else may read."""
    first, again = kept_host_key(tmp_path / "key"), kept_host_key(tmp_path / "key")
    assert first == again
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0


def test_a_flash_of_no_size_is_refused(tmp_path: Path) -> None:
    """A journal alone would fill it."""
    with pytest.raises(EmulatorError, match="too small"):
        make_flash(tmp_path / "flash", 100)


@pytest.mark.parametrize("words", ["Mirror sync in progress?", "Failed to fetch x  404  Not Found [IP: ::1]"])
def test_a_mirror_in_change_is_asked_again(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a mirror does not give at first it gives later; what it never has is an error in its words."""
    (tmp_path / "failures").mkdir()
    apt = tmp_path / "bin/apt-get"
    apt.parent.mkdir()
    apt.write_text(APT.format(folder=tmp_path, words=words))
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(apt.parent), prepend=":")
    monkeypatch.setenv("DEPLOY_EMULATOR_CACHE", str(tmp_path / "cache"))
    packages = Packages(arch="amd64", pause_s=0.0)
    Packages(arch="amd64").folder.mkdir(parents=True)
    (Packages(arch="amd64").folder / "apt/lists").mkdir(parents=True)
    (Packages(arch="amd64").folder / "apt/lists/mirror_Packages").touch()
    (tmp_path / "failures/1").touch()

    assert ["busybox_1_amd64.deb"] == [path.name for path in packages.fetch(["busybox"])]
    assert [] == packages.missing(["busybox"])
    for number in range(9):
        (tmp_path / f"failures/{number}").touch()
    with pytest.raises(EmulatorError, match=words[:8]):
        packages.fetch(["dropbear-bin"])
