"""paramiko without `invoke`, which it needs for `Match exec` in ~/.ssh/config alone."""

from __future__ import annotations

import importlib
import sys
import threading

_loading = threading.Lock()


def load_paramiko() -> None:
    """Import paramiko while `invoke` counts as not installed; `ssh_config` loads that where a file needs it."""
    with _loading:
        if "paramiko" in sys.modules or "invoke" in sys.modules:
            return
        sys.modules["invoke"] = None  # type: ignore[assignment]
        try:
            importlib.import_module("paramiko")
        finally:
            del sys.modules["invoke"]
