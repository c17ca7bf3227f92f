"""What every test needs: one BLAS thread a process, a state directory of its own, and PyTorch or a reason."""

from __future__ import annotations

import os

# Before numpy is imported: two test processes with two BLAS threads each would fight over two cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["pytester"]  # for tests/testing; can be named only here, at the top
