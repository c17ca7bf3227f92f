"""A running QEMU: its process, and QMP on its standard streams (QEMU Machine Protocol: a JSON object a line)."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from board_runner.emulator.errors import EmulatorError

_PORT_TAKEN = "Could not set up host forwarding rule"


class PortTaken(Exception):
    """Somebody listens on the port that was to be the board's."""


class Qemu:
    """Started by its construction; `kill()` ends it at once, as a power cut does.

    `complaints` gets what QEMU itself says. Raises EmulatorError and PortTaken.
    """

    def __init__(self, argv: Sequence[str], complaints: Path) -> None:
        self._name = Path(argv[0]).name
        self._complaints = complaints
        with complaints.open("wb") as file:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, text=True
            )
        try:
            self.command("qmp_capabilities")
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int | None:
        """The process; None once it has ended."""
        return None if self._process.poll() is not None else self._process.pid

    def check(self) -> None:
        """Raises EmulatorError or PortTaken when QEMU has ended."""
        if self.pid is None:
            said = self._complaints.read_text(errors="replace").strip()
            if _PORT_TAKEN in said:
                raise PortTaken
            raise EmulatorError(f"{self._name} ended: {said or 'without a word'}")

    def command(self, name: str, /, **arguments: Any) -> None:
        """Give a command and wait for its answer; what QEMU reports meanwhile is passed over."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._process.stdin.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
            self._process.stdin.flush()
            for line in self._process.stdout:
                answer = json.loads(line)
                if "error" in answer:
                    raise EmulatorError(f"QEMU refused {name}: {answer['error'].get('desc', '')}")
                if "return" in answer:
                    return
        self._process.wait()
        self.check()

    def kill(self) -> None:
        """End it, whatever it does; harmless when it has ended."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
