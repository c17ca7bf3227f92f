"""`python -m board_runner.simboard`: a simulated board in the foreground, until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from board_runner.errors import DeployError
from board_runner.simboard.board import SimBoard, SimBoardConfig
from board_runner.simboard.nodes import CHIPS


def main(argv: Sequence[str] | None = None) -> int:
    """Print one JSON line when ready (host, port, user, root, key, fingerprint), then serve."""
    config = _configuration(_parser().parse_args(argv))
    ended = threading.Event()
    # Handlers, no mask: the board's programs would inherit a mask, and could not be stopped then.
    before = {s: signal.signal(s, lambda *_: ended.set()) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        return _serve(config, ended)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _serve(config: SimBoardConfig, ended: threading.Event) -> int:
    try:
        board = SimBoard(config).start()
    except DeployError as e:
        print(f"error: {e}\nhint: {e.hint}", file=sys.stderr)
        return e.exit_code
    with board:
        print(json.dumps(description(board)), flush=True)
        ended.wait()
    return 0


def description(board: SimBoard) -> dict[str, str | int | None]:
    """What a client needs to know."""
    return {
        "host": board.host,
        "port": board.port,
        "user": board.config.user,
        "root": str(board.root),
        "key": str(board.client_key_path) if board.config.login == "key" else None,
        "fingerprint": board.host_key_fingerprint,
    }


def _configuration(args: argparse.Namespace) -> SimBoardConfig:
    login: Literal["key", "password", "none"] = "password" if args.password_env else "key"
    if args.no_password:
        login = "none"
    return SimBoardConfig(
        root=args.root,
        host=args.host,
        port=args.port,
        user=args.user,
        login=login,
        password=os.environ.get(args.password_env or "", ""),
        sftp=not args.no_sftp,
        chip=args.chip,
        flash_kib=args.flash_kib,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m board_runner.simboard", description=main.__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--root", type=Path, help="the board's directory; a temporary one without")
    parser.add_argument("--user", default="root")
    login = parser.add_mutually_exclusive_group()
    login.add_argument("--no-password", action="store_true", help="let root in without key or password")
    login.add_argument("--password-env", metavar="NAME", help="environment variable with the password")
    parser.add_argument("--no-sftp", action="store_true")
    parser.add_argument("--chip", default="pcupid", choices=sorted(CHIPS))
    parser.add_argument("--flash-kib", type=int, default=SimBoardConfig.flash_kib)
    return parser


if __name__ == "__main__":
    sys.exit(main())
