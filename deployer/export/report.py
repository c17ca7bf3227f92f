"""What an export made and how it fared, as data and as Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from board_runner.contract import InputContract
from deployer.export.checks import Check

VERSION = 1
JSON_NAME = "export_report.json"
TEXT_NAME = "export_report.md"


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """One model that was written: its size, its SHA-256 and how often it has each operator."""

    path: Path
    size_bytes: int
    sha256: str
    operators: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the verification of every export says."""

    checkpoint: Path
    parameters: int
    opset: int
    checks: tuple[Check, ...]
    warnings: tuple[str, ...]
    versions: Mapping[str, str]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """What was written."""
        raise NotImplementedError

    def as_data(self) -> dict[str, Any]:
        """The report in what JSON knows."""
        data: dict[str, Any] = _plain(self)
        return data | {"version": VERSION, "passed": not self.failed}

    def as_text(self) -> str:
        """The report in Markdown."""
        failed = f"{len(self.failed)} of {len(self.checks)} checks failed"
        tools = ", ".join(f"{tool} {version}" for tool, version in self.versions.items())
        lines = [
            f"# Export of `{self.checkpoint.name}`: {failed if self.failed else 'all checks passed'}",
            "",
            f"{self.parameters} parameters, opset {self.opset}, {tools}",
            "",
            "| file | bytes | nodes | SHA-256 |",
            "| --- | --- | --- | --- |",
        ]
        lines += [
            f"| `{file.path.name}` | {file.size_bytes} | {sum(file.operators.values())} | `{file.sha256}` |"
            for file in self.files
        ]
        lines += ["", "| check | result | detail |", "| --- | --- | --- |"]
        lines += [
            f"| {check.name} | {'passed' if check.passed else '**FAILED**'} | {_cell(check.detail)} |"
            for check in self.checks
        ]
        return "\n".join([*lines, ""])

    def write(self, folder: Path) -> None:
        """Put both forms of the report into `folder`."""
        text = json.dumps(self.as_data(), indent=2, sort_keys=True) + "\n"
        (folder / JSON_NAME).write_text(text, encoding="utf-8")
        (folder / TEXT_NAME).write_text(self.as_text(), encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class ExportReport(Report):
    """An export as one graph, as traced and simplified."""

    contract: InputContract
    model: ModelFile
    simplified: ModelFile
    inputs: tuple[str, ...]

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """Both forms."""
        return self.model, self.simplified

    def as_text(self) -> str:
        """With the inputs it was compared on."""
        return "\n".join(
            [super().as_text(), f"Compared on {len(self.inputs)} inputs: {', '.join(self.inputs)}.", ""]
        )


def _plain(value: object) -> Any:
    """Records as mappings, paths as text, a contract as its own JSON."""
    if isinstance(value, InputContract):
        return json.loads(value.to_json())
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
