"""The command lines of the vendor's tools, and what is taken from their folders."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from deployer import resources
from toolchain_wrappers.runtime import Container, Mount
from toolchain_wrappers.sigmastar import commands, profile
from toolchain_wrappers.sigmastar.commands import Tree
from toolchain_wrappers.sigmastar.tools import Tools

FOLDER = resources.configs_dir() / "toolchains"
OLD = {"chip_option": "", "stage_option": "-t", "python": "python32"}


def _tools(folder: Path, **changes: str) -> Tools:
    tree = Tree(models_dir=folder / "models", tools_dir=folder / "tools", algorithm="sed/eat")
    return Tools(tree=tree, profile=profile.load(FOLDER, changes))


def test_convert_sh_is_called_as_documented(tmp_path: Path) -> None:
    """The toolchain's path is absolute, the cfg relative, and `-d`, which drops `-s`, is never passed."""
    tools = _tools(tmp_path)
    cfg = tools.tree.models_dir / "config" / "sed_eat.cfg"
    words = ["bash", "convert.sh", "-a", "sed/eat", "-c", "config/sed_eat.cfg", "-p", str(tmp_path / "tools")]

    assert [*words, "-s", "false"] == tools.convert(cfg, simulate=False)
    assert [*words, "-s", "true"] == tools.convert(cfg, simulate=True)


def test_in_a_container_every_path_is_the_containers(tmp_path: Path) -> None:
    """No word of the command line names a folder of this host."""
    mount = Mount(host=tmp_path, inside=PurePosixPath("/work"))
    host = _tools(tmp_path)
    runtime = Container(engine="docker", image="x", mounts=(mount,))
    tools = Tools(tree=host.tree, profile=host.profile, runtime=runtime)
    argvs = [
        tools.convert(tmp_path / "models" / "config" / "a.cfg", simulate=False),
        tools.show_img_info(image=tmp_path / "a.img", chip="pcupid", work=tmp_path),
        tools.compiler(model=tmp_path / "a_fixed.sim", chip="pcupid", work=tmp_path),
    ]

    assert not [word for argv in argvs for word in argv if str(tmp_path) in word]
    assert "/work/tools" in argvs[0] and "/work/a.img" in argvs[1]


@pytest.mark.parametrize(("stage", "word"), [("float", "Float"), ("fixed", "Fixed"), ("offline", "Offline")])
def test_simulators_of_1x_are_told_the_stage_and_no_chip(tmp_path: Path, stage: str, word: str) -> None:
    """Newer ones the other way round; each runs in one process, for several swallow errors."""
    given = {name: tmp_path / name for name in ("model", "data", "preprocess", "work")}
    new = _tools(tmp_path).simulator(**given, chip="pcupid", stage=stage)
    old = _tools(tmp_path, **OLD).simulator(**given, chip="pcupid", stage=stage)

    assert ["--num_process", "1", "--soc_version", "pcupid"] == new[-4:]
    assert ["--num_process", "1", "-t", word] == old[-4:]
    assert "python32" in old and "python3" in new


def test_what_a_run_wrote_is_told_from_what_was_there(tmp_path: Path) -> None:
    """An older file with a newer date is not taken; a file written again with the same size is."""
    old, again = tmp_path / "pcupid_1" / "eat.img", tmp_path / "pcupid_2" / "eat.img"
    for path in (old, again):
        path.parent.mkdir()
        path.write_bytes(b"x")
    future = old.stat().st_mtime + 1000
    os.utime(old, (future, future))
    before = commands.snapshot(tmp_path)
    replaced = again.with_suffix(".new")
    replaced.write_bytes(b"y")
    replaced.replace(again)

    assert [again] == commands.written(before, commands.snapshot(tmp_path))
