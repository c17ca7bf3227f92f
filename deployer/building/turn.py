"""One build at a time in an SDK: make's own files are not made for two."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from deployer.building.job import BuildJob
from deployer.events import Emit, Warned
from toolchain_wrappers.errors import ToolchainError

NAME = ".deploy_build.lock"


@contextmanager
def alone(job: BuildJob, *, step: str, emit: Emit) -> Iterator[None]:
    """Wait for other builds of ours in this SDK; the lock goes with the process. Raises ToolchainError.

    A make that somebody runs by hand knows nothing of it.
    """
    path = job.tree.opendla / NAME
    try:
        file = path.open("a")
    except OSError as e:
        raise ToolchainError(
            f"{path} cannot be written: {e.strerror}",
            hint="an earlier build as root may have left it so; give the SDK to one user",
        ) from e
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            emit(Warned(step=step, message=f"waiting for another build in {job.tree.root}"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
