"""What a push loads: no more than it needs, and all of paramiko once somebody asks for it."""

from __future__ import annotations

import subprocess
import sys


def _run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def test_paramiko_is_whole_when_asked() -> None:
    """Loaded without its list of parts, the package fills up at the first name of it that is missing."""
    _run(
        "import sys, importlib.metadata as m; from deployer.board.access.lean import load_paramiko;"
        "load_paramiko(); import paramiko;"
        "assert 'paramiko.client' not in sys.modules and paramiko.__version__ == m.version('paramiko');"
        "from paramiko import SSHClient; assert SSHClient is paramiko.client.SSHClient;"
        "assert paramiko.Transport is sys.modules['paramiko.transport'].Transport;"
        "assert not hasattr(paramiko, 'nothing_of_that_name') and not hasattr(paramiko, '__path_less__')"
    )


def test_a_push_loads_only_what_it_needs() -> None:
    """The command, the configuration and the connection need no numpy, onnx, rich, elftools, tarfile."""
    _run(
        "import sys; from deployer import cli; cli.cli.get_command(None, 'push');"
        "from deployer.board.access.lean import load_paramiko; load_paramiko();"
        "from deployer.board.access import handshake; from deployer.board.config import parse_address;"
        "parse_address('root@10.0.0.2');"
        "heavy = ('numpy', 'onnx', 'rich', 'elftools', 'tarfile', 'subprocess', 'invoke');"
        "found = [name for name in heavy if name in sys.modules]; assert not found, found"
    )
