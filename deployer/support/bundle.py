"""A support archive: what one would ask for first, with secrets taken out."""

from __future__ import annotations

import io
import json
import platform
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

from board_runner.errors import DeployError
from deployer.board import facts
from deployer.project import Project
from deployer.support.doctor import Finding

SECRET = re.compile(
    r"(?i)((?<!\w)(?:\w{0,30}[_-])?(?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key)\s*[:=]\s*)(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s#,}]+)"
)
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)
IN_URL = re.compile(r"(\b[A-Za-z]{2,9}://[^\s/:@]{1,99}):[^\s/@]{1,99}@")
MAX_BYTES = 1 << 20
SCRIPTS = ("convert.sh", "config/*.cfg", "{algorithm}/convert.sh", "{algorithm}/*.ini", "{algorithm}/*.py")


def write(path: Path, project: Project, findings: Sequence[Finding]) -> list[str]:
    """Write the archive; gives the names of its files. Models, audio and keys are never in it."""
    names = []
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, text in _texts(project, findings):
            data = redacted(text).encode()
            info = tarfile.TarInfo(f"deploy-support/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
            names.append(name)
    return names


def redacted(text: str) -> str:
    """Passwords, tokens and private keys replaced, also in URLs; the home folder's name as well."""
    text = PRIVATE_KEY.sub("<private key>", text)
    text = SECRET.sub(r"\1<redacted>", text)
    return IN_URL.sub(r"\1:<redacted>@", text).replace(str(Path.home()), "~")


def _texts(project: Project, findings: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    yield "findings.json", json.dumps([asdict(finding) for finding in findings], indent=2)
    yield "versions.txt", "\n".join(_versions()) + "\n"
    if project.deployment.path is not None:
        yield "deploy.yaml", _read(project.deployment.path)
    tree = project.toolchain.tree
    for pattern in SCRIPTS:
        for path in sorted(tree.models_dir.glob(pattern.format(algorithm=tree.algorithm))):
            yield f"tree/{path.relative_to(tree.models_dir)}", _read(path)
    yield "tree.txt", "\n".join(_listing(tree.models_dir, tree.tools_dir)) + "\n"
    state = project.deployment.state_dir
    for path in sorted(state.rglob("*.log")) + sorted(state.rglob("manifest.json")):
        yield f"state/{path.relative_to(state)}", _read(path)
    for name, config in project.deployment.boards.items():
        known = facts.remembered(config)
        said = asdict(known) if known is not None else "never asked; `deploy board probe` asks it"
        yield f"boards/{name}.json", json.dumps({"chip": config.chip, "said": said}, indent=1, default=_plain)
    yield from _last_runs(project)


def _last_runs(project: Project) -> Iterator[tuple[str, str]]:
    """The newest five; or why there are none, for a history that cannot be read is what one would ask about."""
    history = project.history()
    try:
        for entry in history.find(limit=5):
            text = json.dumps(history.fields(entry.id), indent=1, ensure_ascii=False)
            yield f"runs/{entry.id}.json", _end(text.encode())
    except DeployError as e:
        yield "runs/unreadable.txt", f"{e}\n"


def _plain(value: object) -> object:
    """For JSON: sets as lists, paths as text."""
    return sorted(map(str, value)) if isinstance(value, frozenset) else str(value)


def _versions() -> Iterator[str]:
    yield f"{platform.platform()} Python {platform.python_version()}"
    for package in sorted(metadata.distributions(), key=lambda d: d.metadata["Name"].lower()):
        yield f"{package.metadata['Name']} {package.version}"


def _listing(*folders: Path) -> Iterator[str]:
    """Names and sizes, nothing of the content."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                yield f"{path.stat().st_size:12d} {folder.name}/{path.relative_to(folder)}"


def _read(path: Path) -> str:
    return _end(path.read_bytes())


def _end(data: bytes) -> str:
    """The end of a long file: that is where a log says what went wrong."""
    cut = f"<the first {len(data) - MAX_BYTES} bytes are left out>\n" if len(data) > MAX_BYTES else ""
    return cut + data[-MAX_BYTES:].decode("utf-8", "replace")
