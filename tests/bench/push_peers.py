"""pyinfra and ansible for `bench_push.py`, in virtual environments of their own (pyinfra wants an old paramiko)."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deployer.board.config import BoardConfig

PACKAGES: Mapping[str, Sequence[str]] = {"pyinfra": ["pyinfra>=3", "paramiko<5"], "ansible": ["ansible-core"]}
_INSTALL_S = 600
_REMOTE_PYTHON = "/usr/bin/python3"


def environment(name: str, folder: Path) -> Path | str:
    """The programs of a peer, installed below `folder` where they are not yet; or the reason why they are not."""
    programs = folder / name / "bin"
    if (programs / name).is_file():
        return programs
    try:
        subprocess.run(
            [sys.executable, "-m", "venv", folder / name], check=True, capture_output=True, timeout=_INSTALL_S
        )
        words = [str(programs / "pip"), "install", "--quiet", "--disable-pip-version-check", *PACKAGES[name]]
        subprocess.run(words, check=True, capture_output=True, timeout=_INSTALL_S)
    except subprocess.CalledProcessError as e:
        said: bytes = e.stderr
        return said.decode("utf-8", "replace").strip().rpartition("\n")[2] or str(e)
    except (OSError, subprocess.TimeoutExpired) as e:
        return str(e)
    return programs


def way(
    name: str, programs: Path, folder: Path, source: Path, config: BoardConfig, port: int
) -> Callable[[str], list[str]]:
    """The command that brings `source` to a directory on the board, as the peer's documentation does it first."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["ANSIBLE_LOCAL_TEMP"] = os.environ["ANSIBLE_HOME"] = str(folder / "ansible")
    known = folder / "known_hosts"
    if name == "pyinfra":
        data = {
            "ssh_port": port,
            "ssh_user": config.user,
            "ssh_key": str(config.key),
            "ssh_strict_host_key_checking": "off",
            "ssh_known_hosts_file": str(known),
        }
        (folder / "inventory.py").write_text(f"boards = [({config.host!r}, {data!r})]\n")

        def by_pyinfra(target: str) -> list[str]:
            task = folder / f"{Path(target).name}.py"
            task.write_text(
                "from pyinfra.operations import files\n"
                f"files.sync(name='push', src={str(source)!r}, dest={target!r})\n"
            )
            return [str(programs / "pyinfra"), "-y", str(folder / "inventory.py"), str(task)]

        return by_pyinfra
    ssh = f"-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile={known}"
    (folder / "inventory.ini").write_text(
        f"board ansible_host={config.host} ansible_port={port} ansible_user={config.user} "
        f"ansible_ssh_private_key_file={config.key} ansible_python_interpreter={_REMOTE_PYTHON} "
        f"ansible_ssh_common_args={shlex.quote(ssh)}\n"
    )
    words = [str(programs / "ansible"), "board", "-i", str(folder / "inventory.ini")]
    return lambda target: [*words, "-m", "ansible.builtin.copy", "-a", f"src={source}/ dest={target}/"]
