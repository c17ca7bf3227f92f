"""Programs under guard, on real servers: one command where all goes well, and nothing left whatever happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from deployer.board.base import Completed
from deployer.board.config import as_data
from deployer.board.ssh import SshBoard
from deployer.errors import BoardUnreachable, MissingArtifact, ProgramFailed
from deployer.run import Program, run_clip
from deployer.running import guard, last_run
from tests.boards.servers import REAL_KINDS, Place, kind_missing, real, reboot, simulated
from tests.boards.servers.frame import Frame

TMP = PurePosixPath("/tmp")
CLIP = "a.wav"
GOOD = (
    f"#!/bin/sh\\necho inputs: {CLIP}; echo model path: models/eat.img; echo threshold: 0.5\n"
    f"echo the input image: ./{CLIP}; echo model invoke time: 57.121 ms; echo post process time: 0.181 ms\n"
    "echo class id: 32\n"
).replace("\\n", "\n")

KINDS = {
    "dropbear": ("dropbear", "paramiko"),
    "openssh": ("openssh-password", "paramiko"),
    "ssh-program": ("dropbear", "openssh"),
}

CLIENT = """
import json, sys
from pathlib import PurePosixPath
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from deployer.running import guard
from toolchain_wrappers import intake
with SshBoard(intake.record(BoardConfig, json.loads(sys.argv[1]))) as board:
    guard.run(board, ["sh", "-c", sys.argv[2]], timeout_s=60, cwd=PurePosixPath("/tmp"))
"""


class Counted(SshBoard):
    """A board that counts the commands it was given."""

    commands = 0

    def run(self, *args: Any, **kwargs: Any) -> Completed:
        """Counted."""
        self.commands += 1
        return super().run(*args, **kwargs)

    def script(self, *args: Any, **kwargs: Any) -> Completed:
        """Counted."""
        self.commands += 1
        return super().script(*args, **kwargs)


@pytest.fixture(scope="module", params=KINDS)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A real server of either make, and either client, for all tests here."""
    name, client = KINDS[request.param]
    if reason := kind_missing(REAL_KINDS[name]):
        pytest.skip(reason)
    with real(tmp_path_factory.mktemp(request.param), REAL_KINDS[name]) as running:
        yield replace(running, config=running.config.replace(client=client))


def _frame(place: Place) -> Frame:
    assert place.frame is not None
    return place.frame


def _left(place: Place) -> list[str]:
    """What runs on the board beside its server, once everything has had a moment to end."""
    server = Path(_frame(place).spec.server[0]).name
    deadline = time.monotonic() + 5
    while True:
        found = [words for words in _frame(place).processes().values() if server not in words]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def _placed(place: Place, text: str) -> Program:
    """A board program of a few lines of shell."""
    folder = place.seen(PurePosixPath("/tmp")) / "current"
    folder.mkdir(exist_ok=True)
    (folder / "prog_sed_eat").write_text(text)
    (folder / "prog_sed_eat").chmod(0o755)
    return Program(directory=TMP / "current", timeout_s=20)


def test_the_program_is_as_it_would_be_without(shared: Place) -> None:
    """Streams, status, directory, environment and odd arguments are its own; it has nothing to read."""
    script = 'pwd; cat; echo "$A"; printf "%s|" "$@"; echo err >&2; exit 7'
    words = ["sh", "-c", script, "sh", "a b", "", "$HOME", "--", "two\nlines"]
    with shared.board() as board:
        ran = guard.run(board, words, timeout_s=20, cwd=TMP, env={"A": "it's $here"})

    done = ran.completed
    assert b"/tmp\nit's $here\na b||$HOME|--|two\nlines|" == done.stdout
    assert (7, b"err\n", False) == (done.exit_status, done.stderr, done.timed_out)
    assert ran.start is not None and ran.start.boot_id and ran.start.uptime_s
    assert [] == _left(shared)


def test_what_cannot_start_says_why(shared: Place) -> None:
    """A missing directory has no start; a missing program has one, and the shell's status for it."""
    with shared.board() as board:
        nowhere = guard.run(board, ["true"], timeout_s=20, cwd=PurePosixPath("/no/such"))
        nothing = guard.run(board, ["./no-such-program"], timeout_s=20, cwd=TMP)
        died = guard.run(board, ["sh", "-c", "kill -9 $$"], timeout_s=20, cwd=TMP)

    assert nowhere.start is None and nowhere.completed.exit_status == 1
    assert b"/no/such" in nowhere.completed.stderr
    assert nothing.completed.exit_status == 127 and b"no-such-program" in nothing.completed.stderr
    assert died.completed.exit_status is None and not died.completed.timed_out


def test_output_comes_as_it_is_made_and_without_our_marks(shared: Place) -> None:
    """A watcher sees both streams while the program runs, the guard's own line never."""
    seen: dict[str, bytes] = {"stdout": b"", "stderr": b""}
    times: list[float] = []

    def watch(stream: str, data: bytes) -> None:
        seen[stream] += data
        times.append(time.monotonic())

    with shared.board() as board:
        script = "echo one; echo two >&2; sleep 0.3; echo three"
        ran = guard.run(board, ["sh", "-c", script], timeout_s=20, cwd=TMP, on_output=watch)

    assert {"stdout": b"one\nthree\n", "stderr": b"two\n"} == seen
    assert (ran.completed.stdout, ran.completed.stderr) == (seen["stdout"], seen["stderr"])
    assert times[-1] - times[0] > 0.2


def test_at_the_hosts_deadline_nothing_is_left(shared: Place) -> None:
    """A hung program goes with its children, in whatever process group its server started it."""
    with shared.board() as board:
        ran = guard.run(board, ["sh", "-c", "echo hi; sleep 71 & sleep 72"], timeout_s=1.5, cwd=TMP)
        left = _left(shared)

    assert (ran.completed.timed_out, ran.completed.stdout) == (True, b"hi\n")
    assert [] == left


def test_the_board_has_a_deadline_of_its_own(shared: Place) -> None:
    """Where the host does nothing the board ends the program: TERM first, and KILL for one that is deaf to it."""
    deaf = "trap 'echo heard' TERM; echo hi; while :; do sleep 0.1; done"
    with shared.board() as board:
        ran = guard.run(board, ["sh", "-c", deaf], timeout_s=20, cwd=TMP, spare_s=-19)
        left = _left(shared)

    assert (ran.completed.exit_status, ran.completed.timed_out) == (None, False)
    assert ran.completed.stdout.startswith(b"hi\nheard\n")
    assert [] == left


def test_a_killed_client_leaves_no_process(shared: Place) -> None:
    """When `deploy` itself is killed, the board ends the program gently and is as empty as before."""
    shared.seen(TMP / "said").unlink(missing_ok=True)
    script = (
        "trap '' PIPE; trap 'echo cleaned >>/tmp/said; exit' TERM\n"
        "echo began >/tmp/said; while :; do sleep 0.1; done"
    )
    config = json.dumps(as_data(shared.config))
    client = subprocess.Popen([sys.executable, "-c", CLIENT, config, script], env=dict(os.environ))
    try:
        deadline = time.monotonic() + 20
        while not shared.seen(TMP / "said").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        client.kill()
        client.wait(10)

    assert [] == _left(shared)
    assert "began\ncleaned\n" == shared.seen(TMP / "said").read_text()


def test_a_run_is_one_command_and_a_failed_one_two(shared: Place) -> None:
    """All that is known of a good run comes with it; only after a failure the board is asked once more."""
    config = shared.config
    with Counted(config) as board:
        result = run_clip(board, _placed(shared, GOOD), CLIP)
        good = board.commands
        with pytest.raises(ProgramFailed):
            run_clip(board, _placed(shared, "#!/bin/sh\nexit 9\n"), CLIP)

    assert (32, 1, 3) == (result.class_id, good, board.commands)


def test_runs_follow_each_other_at_once(shared: Place) -> None:
    """Five runs take no time beside their own: no server makes us wait between them."""
    program = _placed(shared, GOOD)
    with shared.board() as board:
        run_clip(board, program, CLIP)
        started = time.monotonic()
        for _ in range(5):
            run_clip(board, program, CLIP)
        took = time.monotonic() - started

    assert took < 2


def test_a_failure_tells_of_a_healthy_board(shared: Place) -> None:
    """After a program's own failure the board answers, has not rebooted, and nothing of the program is left."""
    with shared.board() as board, pytest.raises(ProgramFailed, match="out of memory") as caught:
        run_clip(board, _placed(shared, "#!/bin/sh\necho 'create ipu device failed(4)!'; exit 3\n"), CLIP)

    after = caught.value.aftermath
    assert after is not None
    assert (True, False, (), ()) == (after.answers, after.rebooted, after.kernel, after.left)
    assert "stop other programs" in caught.value.hint


def test_who_else_holds_the_ipu_is_named(shared: Place) -> None:
    """After a failure those who have the vendor's nodes open are in the message; the probe knows them too."""
    node = shared.seen(PurePosixPath("/dev")) / "mi_ipu"
    node.touch()
    try:
        with shared.board() as board:
            board.run(["sh", "-c", "exec 3</dev/mi_ipu; sleep 76 >/dev/null 2>&1 </dev/null &"], timeout_s=20)
            with pytest.raises(ProgramFailed, match=r"sleep \(process \d+\) has /dev/mi_ipu open") as caught:
                run_clip(board, _placed(shared, "#!/bin/sh\necho 'create ipu device failed(35)!'\n"), CLIP)
            ipu = board.facts(shared.config.directory).ipu
            (owner,) = ipu.owners if ipu else ()
            board.run(["kill", str(owner.pid)], timeout_s=20)
    finally:
        node.unlink()

    assert ("sleep", ("/dev/mi_ipu",)) == (owner.name, owner.nodes)
    assert ipu is not None and ("/dev/mi_ipu",) == ipu.nodes
    assert "is the IPU driver loaded" in caught.value.hint
    assert [] == _left(shared)


def test_a_session_that_is_killed_is_no_reboot(shared: Place) -> None:
    """When only the connection goes, the message says that the board is there; the next run completes."""
    program = _placed(shared, "#!/bin/sh\nsleep 73\n")
    cut = threading.Timer(0.5, lambda: _frame(shared).kill(sessions=True))
    with shared.board() as board:
        cut.start()
        with pytest.raises(BoardUnreachable, match="the board is there") as caught:
            run_clip(board, program, CLIP)
        again = run_clip(board, _placed(shared, GOOD), CLIP)

    assert 32 == again.class_id
    assert "did not reboot" in caught.value.hint
    assert [] == _left(shared)


def test_a_reboot_is_the_programs_failure(shared: Place) -> None:
    """A board that comes back with another boot id was taken down during the run: exit code 5, and it is said."""
    program = _placed(shared, "#!/bin/sh\nsleep 74\n")
    power = threading.Timer(0.5, lambda: reboot(shared))
    with shared.board() as board:
        power.start()
        with pytest.raises(ProgramFailed, match="the board rebooted while") as caught:
            run_clip(board, program, CLIP)
        power.join()

    assert caught.value.aftermath is not None and caught.value.aftermath.rebooted


def test_the_kernels_words_are_kept() -> None:
    """What the kernel says during a failed run, and only that, is in the record, and its gist in the message."""
    text = '#!/bin/sh\necho "Out of memory: Killed process 12 (prog_sed_eat)" >>"$SGS_KMSG"\nexit 9\n'
    with simulated() as place:
        assert place.sim is not None
        place.sim.kernel_log.write_text("before the run\n")
        folder = place.files / "current"
        folder.mkdir(parents=True)
        (folder / "prog_sed_eat").write_text(text)
        (folder / "prog_sed_eat").chmod(0o755)
        with place.board() as board, pytest.raises(ProgramFailed) as caught:
            run_clip(board, Program(directory=place.config.directory / "current"), CLIP)

    after = caught.value.aftermath
    assert after is not None
    assert ("Out of memory: Killed process 12 (prog_sed_eat)",) == after.kernel
    assert "the kernel said: Out of memory: Killed process 12" in str(caught.value)
    assert "stop other programs" in caught.value.hint


def test_what_the_program_printed_last_is_kept(shared: Place, tmp_path: Path) -> None:
    """Both streams and the end of the latest run, a failed one too, are on the host; a damaged file is no run."""
    with shared.board() as board:
        run_clip(board, _placed(shared, GOOD), CLIP)
        with pytest.raises(ProgramFailed):
            run_clip(board, _placed(shared, "#!/bin/sh\necho half; echo why >&2; exit 9\n"), CLIP)

    kept = last_run.load(tmp_path / "state", shared.config.address)
    assert (b"half\n", b"why\n", 9, False) == (kept.stdout, kept.stderr, kept.exit_status, kept.timed_out)
    assert "./prog_sed_eat" == kept.argv[0]
    for file in (tmp_path / "state/last_run").rglob("run.json"):
        file.write_text("{")
    with pytest.raises(MissingArtifact, match="no run"):
        last_run.load(tmp_path / "state", shared.config.address)
