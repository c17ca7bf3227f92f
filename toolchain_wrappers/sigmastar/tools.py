"""Argument vectors of every tool, as the tools see their paths. Runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from toolchain_wrappers.runtime import Host, Runtime
from toolchain_wrappers.sigmastar.commands import Tree
from toolchain_wrappers.sigmastar.profile import Profile

_IN_ENVIRONMENT = 'cd "$1" && . "./$2" && cd "$3" && python=$4 && shift 4 && exec "$python" "$@"'
"""The tools want their environment file sourced, and work in the folder they are started in."""


@dataclass(frozen=True, kw_only=True)
class Tools:
    """A release of the vendor's, how it is driven, and where it runs."""

    tree: Tree
    profile: Profile
    runtime: Runtime = field(default_factory=Host)

    def convert(self, cfg: Path, *, simulate: bool) -> list[str]:
        """The documented command line, run in `models_dir`; the toolchain path is absolute, as it asks for."""
        flag = "true" if simulate else "false"
        relative = cfg.relative_to(self.tree.models_dir).as_posix()
        tools = self.runtime.inside(self.tree.tools_dir)
        return ["bash", "convert.sh", "-a", self.tree.algorithm, "-c", relative, "-p", tools, "-s", flag]

    def convert_tool(
        self, *, onnx: Path, shapes: Sequence[Sequence[int]], ini: Path, out: Path, chip: str, work: Path
    ) -> list[str]:
        """ONNX -> float."""
        sizes = ":".join(",".join(str(size) for size in shape) for shape in shapes)
        return self._tool(
            self.profile.scripts.convert_tool,
            *("onnx", "--model_file", self._at(onnx), "--input_shapes", sizes),
            *("--input_config", self._at(ini), "--output_file", self._at(out), *self._chip(chip)),
            work=work,
        )

    def calibrator(
        self,
        *,
        data: Path,
        model: Path,
        ini: Path,
        preprocess: Path,
        chip: str,
        work: Path,
        level: str | None = None,
        quant_file: Path | None = None,
        sensitivity: float | None = None,
    ) -> list[str]:
        """Float -> fixed, which lands beside the float model. One process: with more, errors are swallowed."""
        return self._tool(
            self.profile.scripts.calibrator,
            *("-i", self._at(data), "-m", self._at(model), "--input_config", self._at(ini)),
            *("-n", self._at(preprocess), "--num_process", "1"),
            *(("--quant_level", level) if level else ()),
            *(("--quant_file", self._at(quant_file)) if quant_file else ()),
            *(("-sth", f"{sensitivity:g}") if sensitivity is not None else ()),
            *self._chip(chip),
            work=work,
        )

    def compiler(self, *, model: Path, chip: str, work: Path) -> list[str]:
        """Fixed -> image, `<model>_sgsimg.img` in the folder it runs in; ./output is wiped."""
        return self._tool(self.profile.scripts.compiler, "-m", self._at(model), *self._chip(chip), work=work)

    def simulator(
        self, *, model: Path, data: Path, preprocess: Path, chip: str, work: Path, stage: str
    ) -> list[str]:
        """One stage over a folder of data, in the folder `work`, for it wipes ./log and ./output.

        One process: with more, errors are swallowed. `stage` (float, fixed, offline) is said to tools that do not
        tell it by the model.
        """
        old = self.profile.stage_option
        return self._tool(
            self.profile.scripts.simulator,
            *("-i", self._at(data), "-m", self._at(model), "-n", self._at(preprocess)),
            *("-c", "Unknown", "--num_process", "1", *self._chip(chip)),
            *((old, stage.capitalize()) if old else ()),
            work=work,
        )

    def show_img_info(self, *, image: Path, chip: str, work: Path) -> list[str]:
        """What an image says of itself."""
        return self._tool(
            self.profile.scripts.show_img_info, "-m", self._at(image), *self._chip(chip), work=work
        )

    def _tool(self, script: str, *words: str, work: Path) -> list[str]:
        tools = self.tree.tools_dir
        head = ["bash", "-c", _IN_ENVIRONMENT, "deploy", self._at(tools), self.profile.scripts.environment]
        return [*head, self._at(work), self.profile.python, self._at(tools / script), *words]

    def _at(self, path: Path) -> str:
        return self.runtime.inside(path)

    def _chip(self, chip: str) -> tuple[str, ...]:
        return (self.profile.chip_option, chip) if self.profile.chip_option else ()
