"""Whether the board can start a program at all, told before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from deployer.board.base import BoardFacts
from deployer.building.elf_magic import is_elf
from deployer.release.manifest import BoardFile

if TYPE_CHECKING:
    from deployer.building.elf import BoardAbi


def board_abi(facts: BoardFacts) -> BoardAbi:
    """What the probe has learnt of the board's programs."""
    from deployer.building.elf import BoardAbi

    shell = bytes.fromhex(facts.shell_elf) if facts.shell_elf else None
    return BoardAbi(machine=facts.machine, shell_elf=shell, loaders=facts.loaders)


def check(files: Iterable[BoardFile], facts: BoardFacts) -> None:
    """Refuse ELF programs that this board is proven not to start. Raises UsageError."""
    programs = [file.source for file in files if file.executable and is_elf(file.source)]
    if not programs:
        return
    from deployer.building import elf

    board = board_abi(facts)
    for program in programs:
        elf.check_fits(elf.inspect(program), board)
