"""A stage whose layers the vendor's simulator dumps: one clip a run, one dump on disk at a time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from board_runner.contract import Array
from deployer.conversion import staging, tool_run
from deployer.events import Emit, Event, Logged
from deployer.layers.shown import Shown
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.runtime import Host
from toolchain_wrappers.sigmastar import layer_dumps
from toolchain_wrappers.sigmastar.tools import Tools


@dataclass(frozen=True, kw_only=True)
class DumpStage:
    """A `*_float.sim` or `*_fixed.sim` in the toolchain's simulator; offline models cannot be dumped.

    `preprocess` is the script that the conversion used. Raises ToolchainError when no dump was written or it
    cannot be read, whatever the exit status.
    """

    stage: str
    model: Path
    preprocess: Path
    tools: Tools
    chip: str
    emit: Emit
    stall_timeout_s: float = 1800.0
    form: layer_dumps.Format = layer_dumps.Format()  # noqa: RUF009 - frozen

    @property
    def detail(self) -> str:
        """What computed it."""
        return f"simulator.py on {self.model.name}, {layer_dumps.DUMP}"

    @contextmanager
    def show(self, clip: str, tensor: Array) -> Iterator[Shown]:
        """Dump one clip; the dump goes when the context ends."""
        folder = work_parent(self.tools)
        with tempfile.TemporaryDirectory(prefix="deploy-layers-", dir=folder) as temporary:
            dump = self._dump(Path(temporary), clip, tensor)
            ops = {name: block.op for name, block in dump.blocks.items()}
            yield Shown(tensors=dump, ops=ops)

    def _dump(self, work: Path, clip: str, tensor: Array) -> layer_dumps.Dump:
        into = work / "d"
        into.mkdir()
        (work / layer_dumps.CONFIG).write_text(
            layer_dumps.config(self.tools.runtime.inside(into), dequantised=True), encoding="utf-8"
        )
        model, script = work / self.model.name, work / "preprocess.py"
        shutil.copyfile(self.model, model)
        shutil.copyfile(self.preprocess, script)
        staged = staging.stage(work / "data", [(clip, tensor)], suffix=self.tools.profile.data_suffix)
        ran = tool_run.run(
            self.tools,
            self.tools.simulator(
                model=model,
                data=staged.folder,
                preprocess=script,
                chip=self.chip,
                work=work,
                stage=self.stage,
            ),
            step=self.stage,
            cwd=work,
            log=work / "simulator.log",
            stall_timeout_s=self.stall_timeout_s,
            emit=self._lines,
        )
        try:
            return layer_dumps.Dump(into / layer_dumps.DUMP, self.form)
        except ToolchainError as e:
            raise ToolchainError(
                f"the {self.stage} simulator gave no layers for {clip}: {e}; "
                f"it ended with exit status {ran.exit_status}: {ran.last_words}",
                hint=e.hint or "`deploy compare-sim -v` shows all it prints",
            ) from e

    def _lines(self, event: Event) -> None:
        """The tool's own words; its bar of one clip says nothing."""
        if isinstance(event, Logged):
            self.emit(event)


def work_parent(tools: Tools) -> Path:
    """Where dumps are made: the system's folder for temporary files, or one that the container sees."""
    return Path(tempfile.gettempdir()) if isinstance(tools.runtime, Host) else tools.tree.algorithm_dir
