"""The way to a Dask scheduler, and whether its workers are like this process."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit

from board_runner.errors import UsageError
from deployer import __version__
from deployer.errors import ClusterFailed

LOOKED_AT = ("numpy", "onnxruntime")
"""Packages whose versions decide results; a worker has those that are installed here."""

CONNECT_S = 10.0


def connect(address: str) -> Any:
    """A `distributed.Client`.

    Raises UsageError for what is no address and where distributed is missing, ClusterFailed for nobody there.
    """
    parts = urlsplit(address)
    if parts.scheme not in {"tcp", "tls"} or not parts.hostname or not _port(address):
        raise UsageError(f"--scheduler {address}: no address of a scheduler", hint="give tcp://HOST:PORT")
    try:
        import distributed
    except ImportError as e:
        raise UsageError(
            "--scheduler needs Dask's distributed, which is not installed",
            hint="pip install 'sgs-deploy[cluster]'",
        ) from e
    try:
        return distributed.Client(address, timeout=CONNECT_S, set_as_default=False, name="deploy")
    except (OSError, TimeoutError, RuntimeError, ValueError) as e:
        raise ClusterFailed(
            f"no Dask scheduler answers at {address} ({type(e).__name__})",
            hint="start it there with `dask scheduler`; is the port open, and are its versions like here?",
        ) from e


def check_workers(client: Any, address: str) -> None:
    """Raises ClusterFailed for no worker, and for one that is unlike this process."""
    workers = client.get_versions(packages=list(LOOKED_AT))["workers"]
    if not workers:
        raise ClusterFailed(
            f"the scheduler at {address} has no worker",
            hint=f"start one: `dask worker {address} --nthreads 1`",
        )
    # Not a function of ours: a worker without deploy could not tell that it has none.
    deploys = client.run(eval, "__import__('deployer').__version__", on_error="return")
    here = versions()
    for worker, told in workers.items():
        deploy = deploys.get(worker)
        python = ".".join(str(told["packages"]["python"]).split(".")[:2])
        there = {**told["packages"], "python": python, "deploy": deploy if isinstance(deploy, str) else None}
        same(here, there, f"worker {worker}")


def versions() -> dict[str, str]:
    """What must be equal on both sides for equal results; packages that are installed."""
    found = {"deploy": __version__, "python": ".".join(platform.python_version_tuple()[:2])}
    for name in LOOKED_AT:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def same(here: Mapping[str, str], there: Mapping[str, str | None], who: str) -> None:
    """Raises ClusterFailed where `who` has another version, or none, of something that is here."""
    for name, version in here.items():
        if there.get(name) != version:
            raise ClusterFailed(
                f"{who} has {name} {there.get(name) or 'not at all'}, here it is {version}",
                hint="install the same versions in the workers' environment, and start them again",
            )


def _port(address: str) -> int | None:
    try:
        return urlsplit(address).port
    except ValueError:
        return None
