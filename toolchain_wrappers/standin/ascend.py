"""A made tree with Ascend's command line, and the container that its tools call a compiled model."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import onnx

from board_runner.errors import ModelError
from board_runner.graph import Graph
from toolchain_wrappers.ascend import Toolkit

MAGIC = b"sgs-deploy stand-in for an Ascend model\n"
CHIPS = ("Ascend310", "Ascend310P1", "Ascend310P3", "Ascend710", "Ascend910A", "Ascend910B3")
DEVICES = 1
"""As many devices as the stand-in has: this host's CPU is number 0."""

LENIENT = "SGS_STANDIN_ASCEND_EXIT_ZERO"
_SCRIPTS = {"export_torch_aie_ts.py": "compile_model", "pt_val.py": "run_model"}


def make(directory: Path, *, exit_zero: bool = False) -> Toolkit:
    """Write the tree and give the toolkit that names its files; the Python that runs now runs the tools.

    With `exit_zero` every tool ends with exit status 0, so that only its text tells of a failure.
    """
    (directory / "bin").mkdir(parents=True, exist_ok=True)
    python = shlex.quote(sys.executable)
    module = "toolchain_wrappers.standin.ascend_tools"
    _executable(directory / "bin" / "python3", f'exec {python} "$@"')
    _executable(directory / "bin" / "atc", f'exec {python} -c "from {module} import atc; atc()" "$@"')
    for script, function in _SCRIPTS.items():
        (directory / script).write_text(
            f"from {module} import {function}\n\n{function}()\n", encoding="utf-8"
        )
    home = shlex.quote(str(directory.resolve()))
    lines = [f"export ASCEND_TOOLKIT_HOME={home}", f"export PATH={home}/bin:$PATH"]
    lines.append(f"export {LENIENT}={'1' if exit_zero else ''}")
    (directory / "set_env.sh").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Toolkit(
        compile_script=directory / "export_torch_aie_ts.py",
        run_script=directory / "pt_val.py",
        set_env=directory / "set_env.sh",
    )


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """A model for one batch size and one chip: a header of JSON, then the ONNX with that batch in its inputs."""

    soc_version: str
    batch: int
    input_shape: tuple[int, ...]
    onnx: bytes

    def save(self, path: Path) -> None:
        """Write it whole, or not at all."""
        header = {key: value for key, value in asdict(self).items() if key != "onnx"}
        part = path.with_name(path.name + ".part")
        part.write_bytes(MAGIC + json.dumps(header).encode() + b"\n" + self.onnx)
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Compiled:
        """Read what `save` wrote; raises ModelError for anything else."""
        try:
            data = path.read_bytes()
            if not data.startswith(MAGIC):
                raise ModelError(f"{path}: not a model that this stand-in compiled")
            header, _, model = data[len(MAGIC) :].partition(b"\n")
            fields = json.loads(header)
            return cls(
                soc_version=str(fields["soc_version"]),
                batch=int(fields["batch"]),
                input_shape=tuple(int(size) for size in fields["input_shape"]),
                onnx=model,
            )
        except OSError as e:
            raise ModelError(f"{path}: {e.strerror}") from e
        except (ValueError, KeyError, TypeError) as e:
            raise ModelError(f"{path}: damaged ({e})") from e

    def graph(self) -> Graph:
        """The graph that the runner runs."""
        try:
            return Graph.from_onnx(onnx.load_from_string(self.onnx))
        except ModelError:
            raise
        except Exception as e:  # protobuf raises its own, differing between its two backends
            raise ModelError(f"the model inside is damaged ({e})") from e


def compiled(graph: Graph, *, shape: tuple[int, ...], soc_version: str) -> Compiled:
    """Fix the one input of `graph` at `shape`; raises ModelError where the graph does not allow it."""
    if len(graph.inputs) != 1:
        raise ModelError(f"the model has {len(graph.inputs)} inputs, the stand-in takes one")
    spec = graph.inputs[0]
    fits = len(shape) == len(spec.shape) and all(
        given == size or (given > 0 and size < 0) for given, size in zip(shape, spec.shape, strict=True)
    )
    if not fits:
        raise ModelError(f"input {spec.name!r} is {list(spec.shape)} in the model, not {list(shape)}")
    fixed = replace(graph, inputs=(replace(spec, shape=shape),))
    return Compiled(
        soc_version=soc_version,
        batch=shape[0],
        input_shape=shape,
        onnx=fixed.to_onnx().SerializeToString(deterministic=True),
    )


def _executable(path: Path, command: str) -> None:
    path.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
    path.chmod(0o755)
