"""Whether the tools of `deploy export`, an extra of the package, are there."""

from __future__ import annotations

import importlib.util

from board_runner.errors import UsageError

TOOLS = ("torch", "onnxsim", "onnxruntime")


def require_tools() -> None:
    """Raise UsageError, naming what is missing, unless all tools of the export can be imported."""
    missing = [tool for tool in TOOLS if importlib.util.find_spec(tool) is None]
    if missing:
        raise UsageError(f"deploy export needs {', '.join(missing)}", hint="pip install 'sgs-deploy[export]'")
