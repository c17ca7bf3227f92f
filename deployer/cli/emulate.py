"""`deploy board emulate`."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from deployer.cli.options import Session, common, dry_run
from deployer.events import Advanced, Emit, Finished, Started

if TYPE_CHECKING:
    from board_runner.emulator.board import EmulatedBoard

STEP = "emulate"
_LOOK_S = 0.5


@click.command("emulate")
@click.option("--arch", type=click.Choice(["aarch64", "arm"]), default="aarch64", show_default=True)
@click.option(
    "--flash-kib",
    type=click.IntRange(min=1024),
    default=3072,
    show_default=True,
    help="Room for files in /customer.",
)
@click.option("--memory-mib", type=click.IntRange(min=64), default=128, show_default=True)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1; 0 takes a free one."
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the board's disk and console log here; the same folder again is the same board.",
)
@dry_run
@common
def command(
    session: Session,
    *,
    arch: Literal["aarch64", "arm"],
    flash_kib: int,
    memory_mib: int,
    port: int,
    folder: Path | None,
    dry_run: bool,
) -> None:
    """Run an emulated ARM board until Ctrl-C: a real kernel, BusyBox and dropbear in QEMU.

    The first start fetches Debian packages (25 to 50 MB, kept in the user's cache). The board has a read-only
    root, a small /customer, no SFTP, its clock at 1970, and lets root in without a password.
    """
    from board_runner.emulator.board import EmulatedBoard, EmulatedBoardConfig, to_fetch

    config = EmulatedBoardConfig(
        arch=arch, flash_kib=flash_kib, memory_mib=memory_mib, port=port, folder=folder
    )
    if dry_run:
        wanted = to_fetch(config)
        text = "would fetch " + " ".join(wanted) if wanted else "nothing to fetch: all packages are cached"
        session.show({"would_fetch": wanted}, lambda: click.echo(text))
        return
    with (
        _termination_as_interrupt(),
        session.progress() as emit,
        EmulatedBoard(config, say=_said(emit)) as board,
    ):
        _run(session, board, emit)


def _run(session: Session, board: EmulatedBoard, emit: Emit) -> None:
    emit(Started(step=STEP))
    _boot(board, emit)
    session.show(description(board), lambda: _show(board))
    with contextlib.suppress(KeyboardInterrupt):
        while board.pid is not None:
            time.sleep(_LOOK_S)
        emit(Finished(step=STEP, note="the board has switched itself off"))


def description(board: EmulatedBoard) -> dict[str, Any]:
    """What a client needs to know, as `--json` prints it."""
    return {
        "arch": board.config.arch,
        "board": board.address,
        "host": board.host,
        "port": board.port,
        "user": board.user,
        "fingerprint": board.host_key_fingerprint,
        "kernel": board.kernel_release,
        "console": str(board.console_log),
        "boot_s": round(board.boot_s, 2),
        "pid": board.pid,
    }


def _boot(board: EmulatedBoard, emit: Emit) -> None:
    board.build()
    emit(Advanced(step=STEP, done=1, total=2, note=f"booting {board.config.arch}, {board.kernel_release}"))
    board.start()
    emit(Finished(step=STEP, note=f"{board.address} listens after {board.boot_s:.1f} s"))


def _show(board: EmulatedBoard) -> None:
    click.echo(f"board:       {board.address} (no password; host key {board.host_key_fingerprint})")
    click.echo(f"console:     {board.console_log}")
    click.echo(f"try:         deploy board probe --board {board.address}")
    click.echo("Ctrl-C takes its power away.")


def _said(emit: Emit) -> Callable[[str], None]:
    return lambda text: emit(Advanced(step=STEP, done=0, total=2, note=text))


@contextlib.contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does: nothing is left behind."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
