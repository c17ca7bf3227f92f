"""The documents name tests, files and commands that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("page", DOCS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Links between pages, to pictures and to files of the repository."""
    for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in link:
            assert (page.parent / link).exists(), f"{page.name}: {link}"


@pytest.mark.parametrize("page", DOCS, ids=lambda path: path.name)
def test_every_named_test_is_there(page: Path) -> None:
    """`test_file.py::test_name` in a table is a promise."""
    for file, name in re.findall(
        r"`(?:[\w/]*/)?(test_\w+\.py)(?:::(\w+))?`", page.read_text(encoding="utf-8")
    ):
        found = list((ROOT / "tests").rglob(file))
        assert found, f"{page.name}: {file}"
        if name:
            assert any(f"def {name}(" in path.read_text(encoding="utf-8") for path in found), (
                f"{file}::{name}"
            )
