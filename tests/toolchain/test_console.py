"""The tools' console: stages and bars, red good news, and failures in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer import resources
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import profile
from toolchain_wrappers.sigmastar.console import Console, explain, plain

FOLDER = resources.configs_dir() / "toolchains"
CONSOLES = Path(__file__).parent / "consoles"


def _stages(text: str) -> list[str]:
    console = Console(profile.load(FOLDER).console)
    seen: list[str] = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        reading = console.feed(line)
        if reading is not None and reading.stage not in seen[-1:]:
            seen.append(reading.stage)
    return seen


@pytest.mark.parametrize("name", sorted(path.stem for path in CONSOLES.glob("*.txt")))
def test_a_console_is_read_as_its_stages(name: str) -> None:
    """The stages of a console text are those that were written down beside it by hand."""
    text = (CONSOLES / f"{name}.txt").read_bytes().decode()
    wanted = (CONSOLES / f"{name}.stages").read_text().split("\n")[:-1]

    assert wanted == _stages(text)


def test_only_what_is_new_is_progress() -> None:
    """A bar that is redrawn at the same place, dots, and chatter do not wind up the deadline."""
    console = Console(profile.load(FOLDER).console)

    assert console.feed("[==>    ]12.34% | ETA: 00:00:10") is not None
    for line in ("[==>    ]12.34% | ETA: 00:00:11", "still alive", ""):
        assert console.feed(line) is None
    moved = console.feed("\x1b[31m[===>   ]12.35% | ETA: 00:00:09\x1b[0m")
    assert moved is not None and 12.35 == moved.percent
    dots = [console.feed(f"Start converting model{'.' * (n % 4)}") for n in range(9)]
    assert dots[0] is not None and not any(dots[1:])


def test_colours_and_redrawing_are_taken_off() -> None:
    """Red is no failure, and of a redrawn line the last state stays."""
    assert "Run evaluation OK." == plain("\x1b[31mRun evaluation OK.\x1b[0m\r")
    assert "100%" == plain("10%\r50%\r100%")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("OSError: \x1b[31mRun source cfg_env.sh in top directory.\x1b[0m", "without their environment"),
        ("FileNotFoundError: \x1b[31mNo images found in quant_data\x1b[0m", "skipped in silence"),
        ("RuntimeError: Run Pack tool failed!", "pack tool"),
        ("libLLVM-16.so: cannot open shared object file: error while loading shared libraries", "libraries"),
        ("ModuleNotFoundError: No module named 'quantize'", "another Python"),
        ("convert.sh: line 3: 812 Killed  python3", "out of memory"),
    ],
)
def test_known_failures_are_put_in_words(line: str, words: str) -> None:
    """A vendor's phrase, wherever it stands and in any colour, is told with a cure."""
    found = explain(["something before", line, "something after"], profile.load(FOLDER).failures)

    assert found is not None and words in found.means and found.cure


@pytest.mark.parametrize("line", (CONSOLES / "failures.list").read_text().splitlines())
def test_every_published_failure_is_known(line: str) -> None:
    """Each phrase that the vendor is known to end with has a meaning and a cure."""
    found = explain([line], profile.load(FOLDER).failures)

    assert found is not None and found.means and found.cure, line


def test_good_news_is_no_failure() -> None:
    """A red OK explains nothing."""
    assert explain(["\x1b[31mRun Pack Tool OK.\x1b[0m"], profile.load(FOLDER).failures) is None


def test_a_profile_is_changed_key_by_key() -> None:
    """A user's key goes over the shipped one, and its neighbours stay."""
    changed = profile.load(FOLDER, {"cfg": {"list_separator": " "}, "data_suffix": ".raw"})

    assert (" ", ".raw") == (changed.cfg.list_separator, changed.data_suffix)
    assert "onnx" == changed.folders.onnx


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data_suffix": ".wav"}, r"data_suffix: must be '\.bin' or '\.npy' or '\.raw'"),
        ({"scripts": {"simulater": "x"}}, "scripts.simulater"),
        ({"console": {"progress": "[0-9]+"}}, "a group called percent"),
        ({"console": {"progress": "("}}, "regular expression"),
    ],
)
def test_a_wrong_profile_names_the_key(changes: dict[str, object], words: str) -> None:
    """Nothing is run with a profile that nobody can mean."""
    with pytest.raises(ToolchainError, match=words):
        profile.load(FOLDER, changes)
