"""paramiko, loaded faster."""

from __future__ import annotations

import gc
import sys
import threading

_loading = threading.Lock()


def load_paramiko() -> None:
    """Import paramiko without `invoke`: a third of its time, for `Match exec` in ~/.ssh/config alone.

    paramiko itself can do without: it was an optional part for long. `ssh_config` puts it back.
    """
    with _loading:
        if "paramiko" in sys.modules or "invoke" in sys.modules:
            return
        collects = gc.isenabled()
        gc.disable()  # a hundred modules are made and none thrown away
        sys.modules["invoke"] = None  # type: ignore[assignment]
        try:
            import paramiko  # noqa: F401
        finally:
            del sys.modules["invoke"]
            if collects:
                gc.enable()
