"""A Python board program as one file: an executable zip of those runner modules that an `eat.img` needs."""

from __future__ import annotations

import ast
import hashlib
import io
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import board_runner
from board_runner import models
from deployer import artifacts, whole_file

ENTRY = "board_runner.prog_sed_eat"
SIMULATOR = "board_runner.dla_simulator"
"""The modules whose `main` a program runs."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_HOST_ONLY = "onnx"
_START = """\
import os
import sys

if sys.version_info < (3, 10):
    sys.exit("PROGRAM: this Python is %d.%d; 3.10 or newer is needed" % sys.version_info[:2])
# A second BLAS thread gains nothing on products this small, waits for a busy core, and makes times vary.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
try:
    import numpy
except ImportError as e:
    sys.exit("PROGRAM: no numpy on this board (%s)" % e)

from ENTRY import main

sys.exit(main())
"""


def build_python_program(out: Path, entry: str = ENTRY) -> Path:
    """Write the program of the module `entry` to `out`.

    It runs where `python3` (3.10 or newer) has numpy (1.24 or newer). The same sources give the same bytes, so
    that `push` can tell that nothing changed.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        start = _START.replace("ENTRY", entry).replace("PROGRAM", entry.rpartition(".")[2])
        _add(archive, "__main__.py", start)
        for name in needed_modules(entry):
            path = _file(name)
            _add(archive, path.relative_to(_root().parent).as_posix(), path.read_text(encoding="utf-8"))
    whole_file.write(out, b"#!/usr/bin/env python3\n" + buffer.getvalue(), mode=0o755)
    return out


def refresh(out: Path, entry: str = ENTRY) -> bool:
    """Build it, unless `out` is still what these very sources were built to; whether its bytes are others now."""
    stamp = out.with_name(f".{out.name}.sources")
    sources, before = _sources(entry), _sha256(out)
    if before is not None and stamp.is_file() and stamp.read_text(encoding="utf-8") == f"{sources} {before}":
        return False
    after = _sha256(build_python_program(out, entry))
    whole_file.write(stamp, f"{sources} {after}".encode())
    return after != before


def needed_modules(entry: str = ENTRY) -> list[str]:
    """The modules that the entry reaches, also by imports inside functions, short of those that need onnx."""
    waiting = [entry, *(f"{models.__name__}.{name}" for name in models.NAMES)]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen or _needs_onnx(name):
            continue
        seen.add(name)
        waiting += [_parent(name), *_imports(name, anywhere=True)]
    return sorted(seen)


@cache
def _needs_onnx(name: str) -> bool:
    """Whether importing the module imports onnx, by itself or by what it imports first."""
    found = {name}
    waiting = [name]
    while waiting:
        for imported in _imports(waiting.pop(), anywhere=False):
            if imported == _HOST_ONLY:
                return True
            if imported not in found:
                found.add(imported)
                waiting.append(imported)
    return False


@cache
def _imports(name: str, *, anywhere: bool) -> tuple[str, ...]:
    """Our modules (and onnx) that a module imports: when it is loaded, or `anywhere`."""
    return () if name == _HOST_ONLY else tuple(_imported(_tree(name), anywhere=anywhere))


def _imported(tree: ast.Module, *, anywhere: bool) -> Iterator[str]:
    for node in _walk(tree, into_functions=anywhere):
        if isinstance(node, ast.Import):
            candidates = [alias.name for alias in node.names]
        else:
            module = node.module or ""
            candidates = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        for candidate in candidates:
            if candidate.split(".")[0] == _HOST_ONLY:
                yield _HOST_ONLY
            elif candidate.split(".")[0] == board_runner.__name__ and _exists(candidate):
                yield candidate


@cache
def _tree(name: str) -> ast.Module:
    return ast.parse(_file(name).read_text(encoding="utf-8"))


def _walk(node: ast.AST, *, into_functions: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.If) and ast.unparse(child.test) in (
            "TYPE_CHECKING",
            "typing.TYPE_CHECKING",
        ):
            continue  # for type checkers alone
        elif into_functions or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _walk(child, into_functions=into_functions)


def _add(archive: zipfile.ZipFile, name: str, text: str) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.external_attr = 0o644 << 16
    info.create_system = 3
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, text, compresslevel=9)


def _sources(entry: str) -> str:
    """A hash over what tells that a source has changed, without reading it: place, size and time."""
    states = ((path, path.stat()) for path in sorted(_root().rglob("*.py")))
    lines = [f"{path} {state.st_size} {state.st_mtime_ns}" for path, state in states]
    return hashlib.sha256("\n".join([entry, _START, *lines]).encode()).hexdigest()


def _sha256(path: Path) -> str | None:
    return artifacts.sha256(path) if path.is_file() else None


def _root() -> Path:
    return Path(board_runner.__file__).parent


def _parent(name: str) -> str:
    return name.rpartition(".")[0] or name


def _exists(name: str) -> bool:
    base = _root().parent.joinpath(*name.split("."))
    return base.with_suffix(".py").is_file() or (base / "__init__.py").is_file()


def _file(name: str) -> Path:
    base = _root().parent.joinpath(*name.split("."))
    package = base / "__init__.py"
    return package if package.is_file() else base.with_suffix(".py")
