"""Process 1 of a test board, in namespaces of its own: mounts, boots, powers off, and reaps what is orphaned.

`python -I -S init.py SPEC` with SPEC a JSON file (`root`, `mounts`, `boots`, `boot_id`, `log`). It obeys lines on
standard input (`boot`, `off`) and answers each with one line. When its input ends it ends, and with it, by the
kernel's rule for process 1, everything on the board.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any


def main() -> None:
    """Lay out the mounts, then obey."""
    spec = json.loads(Path(sys.argv[1]).read_text())
    if os.getpid() != 1:
        sys.exit("only as process 1: `off` kills all that it may kill")
    for words in spec["mounts"]:
        subprocess.run(["mount", *words], check=True)
    signal.signal(signal.SIGCHLD, lambda *_: reap())
    print("ready", flush=True)
    for line in sys.stdin:
        if line == "boot\n":
            boot(spec)
        elif line == "off\n":
            off()
        print(line.strip(), flush=True)


def boot(spec: dict[str, Any]) -> None:
    """Start the board's server as after power-on: a new boot id, an empty /tmp."""
    Path(spec["boot_id"]).write_text(f"{uuid.uuid4()}\n")
    for entry in Path(spec["root"], "tmp").iterdir():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    if os.fork():
        return
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        log = os.open(spec["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        nothing = os.open("/dev/null", os.O_RDONLY)
        for here, there in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(here, there)
        os.chroot(spec["root"])
        os.chdir("/")
        os.execve(
            spec["server"][0], spec["server"], {"PATH": "/usr/bin:/usr/sbin:/bin:/sbin", "HOME": "/root"}
        )
    except OSError as e:
        print(f"the server does not start: {e}", file=sys.stderr, flush=True)
    finally:
        os._exit(127)


def off() -> None:
    """Kill everything on the board but this process, and see it go."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with contextlib.suppress(ChildProcessError):
        while True:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            os.waitpid(-1, 0)
    signal.signal(signal.SIGCHLD, lambda *_: reap())


def reap() -> None:
    """Collect whoever has ended, as a board's init does."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    main()
