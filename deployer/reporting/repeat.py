"""The command that makes a record once more."""

from __future__ import annotations

import shlex

from deployer.records import RunRecord


def command(record: RunRecord) -> str:
    """For a shell, in the project's folder. Records of earlier versions do not hold it: there it is inferred."""
    if record.command:
        return shlex.join(record.command)
    if record.kind == "parse":
        return shlex.join(["deploy", "parse", str(record.settings.get("log", record.board.name)), "--save"])
    words = ["deploy", record.kind, "--board", record.board.name]
    if "runs" in record.settings:
        words += ["--runs", str(record.settings["runs"])]
    return shlex.join(words)
