"""paramiko, loaded faster."""

from __future__ import annotations

import gc
import importlib.util
import sys
import threading
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

_loading = threading.Lock()
_ASKED_FOR = ("ECDSAKey", "Ed25519Key", "RSAKey")
"""What paramiko itself takes from its package when it reads a key."""


def load_paramiko() -> None:
    """Import paramiko's transport without what a client of one board seldom needs: half of its time.

    That is `invoke` (for `Match exec` in ~/.ssh/config alone; `ssh_config` puts it back), and the package's own
    list of all its parts, which is made up for when a name of it is asked for.
    """
    with _loading:
        if "paramiko" in sys.modules or "invoke" in sys.modules:
            return
        spec = importlib.util.find_spec("paramiko")
        collects = gc.isenabled()
        gc.disable()  # a hundred modules are made and none thrown away
        sys.modules["invoke"] = None  # type: ignore[assignment]
        try:
            if spec is None or spec.origin is None:
                importlib.import_module("paramiko")
                return
            sys.modules["paramiko"] = package = _package(spec, Path(spec.origin))
            try:
                transport = importlib.import_module("paramiko.transport")
                for name in _ASKED_FOR:
                    package.__dict__[name] = getattr(transport, name)
            finally:
                _filled_when_asked(package, spec)
        finally:
            del sys.modules["invoke"]
            if collects:
                gc.enable()


def _package(spec: ModuleSpec, origin: Path) -> ModuleType:
    """The package with its submodules to import, and its `__init__` run at the first name that is missing."""
    package = importlib.util.module_from_spec(spec)
    package.__dict__["__version__"] = _version(origin)
    return package


def _filled_when_asked(package: ModuleType, spec: ModuleSpec) -> None:
    filling = threading.RLock()

    def missing(name: str) -> Any:
        with filling:
            if name not in package.__dict__ and package.__dict__.pop("__getattr__", None) is not None:
                assert spec.loader is not None
                spec.loader.exec_module(package)
            if name in package.__dict__:
                return package.__dict__[name]
            raise AttributeError(f"module {package.__name__!r} has no attribute {name!r}")

    package.__dict__["__getattr__"] = missing


def _version(origin: Path) -> str:
    """What the greeting tells the server: from the name of the folder that `importlib.metadata` would read."""
    found = origin.parent.parent.glob("paramiko-*.dist-info")
    return next((path.name.removesuffix(".dist-info").partition("-")[2] for path in found), "0")
