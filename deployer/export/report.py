"""What an export made and how it fared, as data and as Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
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
class ExportReport:
    """The verification report of one export."""

    checkpoint: Path
    parameters: int
    opset: int
    contract: InputContract
    model: ModelFile
    simplified: ModelFile
    inputs: tuple[str, ...]
    checks: tuple[Check, ...]
    warnings: tuple[str, ...]
    versions: Mapping[str, str]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    def as_data(self) -> dict[str, Any]:
        """The report in what JSON knows."""
        data = asdict(self)
        data |= {"version": VERSION, "passed": not self.failed, "checkpoint": str(self.checkpoint)}
        data["contract"] = json.loads(self.contract.to_json())
        for key in ("model", "simplified"):
            data[key]["path"] = str(data[key]["path"])
        return data

    def as_text(self) -> str:
        """The report in Markdown."""
        files = [
            f"| `{file.path.name}` | {file.size_bytes} | {sum(file.operators.values())} | `{file.sha256}` |"
            for file in (self.model, self.simplified)
        ]
        checks = [
            f"| {check.name} | {'passed' if check.passed else '**FAILED**'} | {_cell(check.detail)} |"
            for check in self.checks
        ]
        verdict = (
            f"{len(self.failed)} of {len(self.checks)} checks failed" if self.failed else "all checks passed"
        )
        return "\n".join(
            [
                f"# Export of `{self.checkpoint.name}`: {verdict}",
                "",
                f"{self.parameters} parameters, opset {self.opset}, "
                + ", ".join(f"{tool} {version}" for tool, version in self.versions.items()),
                "",
                "| file | bytes | nodes | SHA-256 |",
                "| --- | --- | --- | --- |",
                *files,
                "",
                "| check | result | detail |",
                "| --- | --- | --- |",
                *checks,
                "",
                f"Compared on {len(self.inputs)} inputs: {', '.join(self.inputs)}.",
                "",
            ]
        )

    def write(self, folder: Path) -> None:
        """Put both forms of the report into `folder`."""
        text = json.dumps(self.as_data(), indent=2, sort_keys=True) + "\n"
        (folder / JSON_NAME).write_text(text, encoding="utf-8")
        (folder / TEXT_NAME).write_text(self.as_text(), encoding="utf-8")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
