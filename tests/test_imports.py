"""Imports go one way: deployer -> toolchain_wrappers -> board_runner."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import board_runner
import deployer
import toolchain_wrappers

PACKAGES = {
    module.__name__: Path(module.__file__ or "").parent
    for module in (board_runner, toolchain_wrappers, deployer)
}
FORBIDDEN = {
    "board_runner": {"toolchain_wrappers", "deployer"},
    "toolchain_wrappers": {"deployer"},
    "deployer": set(),
}


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_imports_one_above_it(package: str) -> None:
    """The leaf knows nothing of its users."""
    for path in PACKAGES[package].rglob("*.py"):
        above = {name for name in _imported(path) if name.split(".")[0] in FORBIDDEN[package]}
        assert not above, f"{path} imports {above}"


def test_click_stays_in_the_command_line() -> None:
    """The library can be used without a terminal."""
    for package in PACKAGES.values():
        for path in package.rglob("*.py"):
            if "cli" not in path.parts:
                assert "click" not in set(_imported(path)), path


def test_torch_stays_in_export_and_training() -> None:
    """Nothing else needs PyTorch."""
    for package in PACKAGES.values():
        for path in package.rglob("*.py"):
            if not {"export", "training"} & set(path.parts):
                assert not any(name.split(".")[0] == "torch" for name in _imported(path)), path


def test_no_module_imports_one_that_needs_it() -> None:
    """Imports go in no circle, those inside functions neither; only types may look back."""
    known = {_name(path): path for package in PACKAGES.values() for path in package.rglob("*.py")}
    needs = {
        name: _needed(ast.parse(path.read_text(encoding="utf-8")), known) - {name}
        for name, path in known.items()
    }

    with_circles = TopologicalSorter(needs)
    with_circles.prepare()  # raises CycleError, which names the circle


def _name(path: Path) -> str:
    package = next(folder for folder in PACKAGES.values() if path.is_relative_to(folder))
    return ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")


def _needed(node: ast.AST, known: Container[str]) -> set[str]:
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        return set()
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names if alias.name in known}
    if isinstance(node, ast.ImportFrom) and node.module:
        full = [f"{node.module}.{alias.name}" for alias in node.names]
        names = {name if name in known else node.module for name in full}
        return {name for name in names if name in known}
    return set().union(*(_needed(child, known) for child in ast.iter_child_nodes(node)))
