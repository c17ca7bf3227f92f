"""What boards say of themselves: the parser on recorded answers, and live answers of every kind of board."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from deployer.board import facts
from deployer.board.base import BoardFacts
from tests.boards.servers import Place, simulated

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
