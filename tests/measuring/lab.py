"""A project whose model needs no conversion, and a simulated board whose program is of shell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from deployer import cli
from tests.boards.servers import simulated

PROGRAM = r"""#!/bin/sh
case $4 in *against*) ms=8 ;; *) ms=7 ;; esac
[ -e /customer/slow ] && ms=9
echo "inputs: $2"
echo "model path: $4"
echo "threshold: 0.5"
case $2 in
    */*) [ -e /customer/once ] && set -- "$1" "$2" "$3" "$4" "$2/10000.wav" || set -- "$1" "$2" "$3" "$4" "$2"/* ;;
    *) set -- "$1" "$2" "$3" "$4" "./$2" ;;
esac
shift 4
echo "found $# images!"
for clip; do
    [ -r "$clip" ] || exit 3
    echo "the input image: $clip"
    echo "model invoke time: $ms.0$(printf %03d $(head -c 1 /dev/urandom | od -An -tu1)) ms"
    echo "post process time: 0.25 ms"
    echo "class id: 32"
    ms=5
done
"""


class Lab:
    """A project whose model needs no conversion, and a board for it."""

    def __init__(self, root: Path, board: Path, governor: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.board, self.governor, self._capsys = root, board, governor, capsys
        self.slow, self.once = board / "customer/slow", board / "customer/once"

    def bench(self, *words: str) -> tuple[int, dict[str, Any], str]:
        """`deploy bench --json`: exit code, answer, stderr."""
        self._capsys.readouterr()
        code = cli.execute(["bench", "--json", "-q", *words])
        out = self._capsys.readouterr()
        return code, json.loads(out.out) if out.out.startswith("{") else {}, out.err

    def words(self, *words: str) -> tuple[str, str]:
        """Any command that is to succeed: what it prints, and its stderr."""
        self._capsys.readouterr()
        code = cli.execute([*words, "-q"])
        out = self._capsys.readouterr()
        assert code == 0, out.err
        return out.out, out.err


@contextmanager
def made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Lab]:
    """Two clips, a program of shell, a simulated board."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"clips/{name}.wav", np.zeros(22050, np.float32), 22050, subtype="PCM_16")
    (tmp_path / "eat.img").write_bytes(b"an image")
    (tmp_path / "other.img").write_bytes(b"another")
    with simulated() as place:
        (tmp_path / "prog.sh").write_text(PROGRAM.replace("/customer", str(place.root / "customer")))
        board = {"host": place.config.host, "port": place.config.port, "key": str(place.config.key)}
        settings = {
            "model": {"image": "eat.img"},
            "program": "prog.sh",
            "audio": {"clips": "clips"},
            "boards": {"desk": board},
        }
        (tmp_path / "deploy.yaml").write_text(json.dumps(settings))
        cpu = place.root / "sys/devices/system/cpu/cpufreq/policy0/scaling_governor"
        yield Lab(tmp_path, place.root, cpu, capsys)
