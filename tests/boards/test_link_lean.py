"""What a push loads: no more than it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def _run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_push_loads_only_what_it_needs() -> None:
    """The command, the configuration and the connection need no numpy, onnx, rich, elftools, tarfile."""
    _run(
        "import sys; from deployer import cli; cli.cli.get_command(None, 'push');"
        "from deployer.board.access.lean import load_paramiko; load_paramiko();"
        "from deployer.board.access import handshake; from deployer.board.config import parse_address;"
        "parse_address('root@10.0.0.2');"
        "heavy = ('numpy', 'onnx', 'rich', 'elftools', 'tarfile', 'invoke');"
        "found = [name for name in heavy if name in sys.modules]; assert not found, found"
    )


def test_match_exec_of_ssh_config_works_all_the_same(tmp_path: Path) -> None:
    """The package that such a line needs is loaded for it, and for no other file."""
    code = (
        "import os, sys; os.environ['HOME'] = sys.argv[1];"
        "from deployer.board.access.lean import load_paramiko; load_paramiko();"
        "from deployer.board.access.ssh_config import resolve; from deployer.board.config import parse_address;"
        "print(resolve(parse_address('cam1')).config.port); print('invoke' in sys.modules)"
    )
    said = []
    for match in ("Match exec true", "Host cam1"):
        (tmp_path / ".ssh").mkdir(exist_ok=True)
        (tmp_path / ".ssh/config").write_text(f"{match}\n  Port 2200\n")
        argv = [sys.executable, "-c", code, str(tmp_path)]
        said.append(subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split())

    assert [["2200", "True"], ["2200", "False"]] == said
