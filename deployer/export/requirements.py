"""Whether the tools of `deploy export`, an extra of the package, are there."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from board_runner.errors import UsageError

TOOLS = ("torch", "onnxsim", "onnxruntime")


def require_tools(tools: Sequence[str] = TOOLS, *, command: str = "deploy export") -> None:
    """Raise UsageError, naming what is missing, unless all `tools` of `command` can be imported."""
    missing = [tool for tool in tools if importlib.util.find_spec(tool) is None]
    if missing:
        raise UsageError(f"{command} needs {', '.join(missing)}", hint="pip install 'sgs-deploy[export]'")
