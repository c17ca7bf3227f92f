"""What a guarded run costs beside the bare command: `python tests/bench/bench_running.py [PAIRS]`.

Interleaved pairs over one connection to real servers on loopback; medians, with each pair's difference.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from deployer.board.ssh import SshBoard
from deployer.running import guard
from tests.boards.servers import PASSWORD, PASSWORD_VARIABLE, REAL_KINDS, kind_missing, real

TMP = PurePosixPath("/tmp")
KINDS = ("dropbear", "openssh-password")


def main(pairs: int = 51) -> None:
    """Print a row a server."""
    os.environ[PASSWORD_VARIABLE] = PASSWORD
    print(f"{'server':18}{'bare ms':>10}{'guarded ms':>12}{'more ms':>10}{'facts ms':>10}{'again ms':>10}")
    for kind in KINDS:
        if reason := kind_missing(REAL_KINDS[kind]):
            print(f"{kind:18}{reason}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            os.environ["DEPLOY_STATE_DIR"] = f"{folder}/state"
            with real(Path(folder), REAL_KINDS[kind]) as place, place.board() as board:
                assert place.frame is not None
                place.frame.mount("--bind", "/sys", f"{place.frame.spec.root}/sys")  # as boards have it
                row(kind, board, pairs)


def row(kind: str, board: SshBoard, pairs: int) -> None:
    """One server: bare and guarded runs in turn, then the probe of an unknown and of a known board."""
    bare, guarded = [], []
    for _ in range(pairs):
        bare.append(_ms(lambda: board.run(["true"], timeout_s=20, cwd=TMP)))
        guarded.append(_ms(lambda: guard.run(board, ["true"], timeout_s=20, cwd=TMP)))
    more = [g - b for g, b in zip(guarded, bare, strict=True)]
    first = _ms(lambda: board.facts(board.config.directory))
    again = statistics.median(_ms(lambda: board.facts(board.config.directory)) for _ in range(9))
    medians = (statistics.median(bare), statistics.median(guarded), statistics.median(more))
    print(f"{kind:18}" + "".join(f"{ms:{w}.1f}" for ms, w in zip(medians, (10, 12, 10), strict=True)), end="")
    print(f"{first:10.1f}{again:10.1f}")


def _ms(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
