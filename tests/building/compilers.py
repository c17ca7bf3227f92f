"""What tests of building need of this machine."""

from __future__ import annotations

import shutil

import pytest

from toolchain_wrappers.standin import sdk

_MISSING = [
    name for name in ("make", *(f"{each}-gcc" for each in sdk.COMPILERS.values())) if not shutil.which(name)
]

needs_compilers = pytest.mark.skipif(
    bool(_MISSING),
    reason=f"needs {', '.join(_MISSING)}: apt-get install make gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf "
    "libc6-dev-arm64-cross libc6-dev-armhf-cross",
)
