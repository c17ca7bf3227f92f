"""Ascend as a second vendor: every step as data, and what each run is held to have made. Runs nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from toolchain_wrappers.ascend_console import Console, Kind, Throughput, parse
from toolchain_wrappers.errors import ToolchainError

BATCHES = (1, 4, 8, 16, 32, 64)
WARM_UP_BATCHES = 5
"""The public runner times none of its first five batches, and fails where there are no more."""

Route = Literal["om", "aie", "aie_in_run"]
"""`om`: atc, then run. `aie`: the compile script, then run. `aie_in_run`: the runner compiles by itself."""

STAGES: Mapping[str, str | None] = MappingProxyType(
    {
        "float": "the ONNX model, run by board_runner or ONNX Runtime",
        "compile": "atc, or the AIE compile script: one model for each batch size",
        "simulator": None,
        "run": "the AIE run script, on the device",
    }
)

# A constant: set_env.sh and the words of the command are its arguments, never part of it.
_IN_ENVIRONMENT = '. "$1" && shift && exec "$@"'
_SCRIPT_SHAPE = re.compile(r"\bInput\(\s*\(\s*(?:\w+\.)?batch_size\s*,(?P<sizes>[\d,\s]+)\)")
_OPTION_GRAMMAR = set(":;, \t\n")


def stages() -> Mapping[str, str | None]:
    """Which stages there are, and by what means; `simulator` is None, for the vendor has none for the host."""
    return STAGES


@dataclass(frozen=True, kw_only=True)
class Toolkit:
    """Where the tools are, and how they word it.

    `set_env` is sourced before each tool, as the vendor asks; None where the caller's environment has been
    set already. `om_suffix` is what atc appends to `--output`; `result_name` is below `result/output_bsN/`.
    """

    compile_script: Path
    run_script: Path
    set_env: Path | None = Path("/usr/local/Ascend/ascend-toolkit/set_env.sh")
    atc: str = "atc"
    python: str = "python3"
    env: Mapping[str, str] = field(default_factory=dict)
    input_format: str = "ND"
    om_suffix: str = ".om"
    result_name: str = "mels{index}_0.bin"
    warm_up_batches: int = WARM_UP_BATCHES
    console: Console = Console()  # noqa: RUF009 - frozen

    def missing(self) -> list[Path]:
        """Which of the named files are not there."""
        named = (self.compile_script, self.run_script, *((self.set_env,) if self.set_env else ()))
        return [path for path in named if not path.is_file()]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One model, one chip, several batch sizes.

    `model` is an ONNX file for the route `om` and a TorchScript file for the others. `sample_shape` leaves
    out the batch axis. `samples` is how many the runner will find below `data`; None where that is not known.
    """

    toolkit: Toolkit
    model: Path
    input_name: str
    sample_shape: tuple[int, ...]
    work: Path
    data: Path
    samples: int | None = None
    batches: tuple[int, ...] = BATCHES
    route: Route = "om"
    soc_version: str = "Ascend310P3"
    device_id: int = 0

    def lost_samples(self, batch: int) -> int | None:
        """How many samples the runner leaves out, for it drops the last batch where that is not full.

        None where their number is not known.
        """
        return None if self.samples is None else self.samples % batch


@dataclass(frozen=True, kw_only=True)
class Step:
    """One process: what to start and where, and what it must write and print."""

    kind: Kind
    batch: int
    sample_shape: tuple[int, ...]
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    writes: tuple[Path, ...]
    console: Console

    @property
    def name(self) -> str:
        """`atc bs4`."""
        return f"{self.kind} bs{self.batch}"


Seen = Mapping[Path, tuple[int, int, int] | None]


def steps(job: Job) -> list[Step]:
    """Every process in order: for each batch size its compile, then its run.

    Raises ToolchainError for what must fail later: no such tool or model, batch sizes that are no sizes, too
    few samples, a name that the option's grammar cannot hold, a compile script for another input shape.
    """
    _check(job)
    found = []
    for batch in job.batches:
        if job.route == "om":
            found.append(_atc(job, batch))
        elif job.route == "aie":
            found.append(_compile(job, batch))
        found.append(_run(job, batch))
    return found


def compiled(job: Job, batch: int) -> Path:
    """The model that the compile of this batch size writes; for `aie_in_run` the model itself."""
    folder = job.work.resolve()
    if job.route == "om":
        return folder / f"{job.model.stem}_bs{batch}{job.toolkit.om_suffix}"
    if job.route == "aie":  # the script cuts the name at its first dot
        return folder / f"{job.model.name.split('.')[0]}_torch_aie_bs{batch}{job.model.suffix}"
    return job.model.resolve()


def seen(step: Step) -> Seen:
    """What lies now where the step should write; taken before it starts, for `judge`."""
    return {path: _state(path) for path in step.writes}


def judge(step: Step, *, before: Seen, exit_status: int, text: str) -> None:
    """Raise ToolchainError unless the step did all it promised, whatever its exit status says.

    The message names the step and the fault: a line of failure, an exit status, a success line that is not
    there, a file that this run did not write.
    """
    console = step.console
    if (line := console.failure(text)) is not None:
        raise ToolchainError(f"{step.name} failed (exit status {exit_status}): {line}", hint=_hint(line))
    if exit_status != 0:
        last = (text.strip().splitlines() or ["nothing"])[-1]
        raise ToolchainError(f"{step.name} ended with exit status {exit_status}; it printed last: {last}")
    if (asked := console.success(step.kind)) and not re.search(asked, text, re.MULTILINE):
        raise ToolchainError(
            f"{step.name} ended with exit status 0 without saying so: no line matches {asked!r}",
            hint=f"if your release words it otherwise, set Console.{step.kind}_success",
        )
    for path in step.writes:
        if (state := _state(path)) is None or state == before[path]:
            fault = "is not there" if state is None else "is from an earlier run"
            raise ToolchainError(f"{step.name} reported success, but {path} {fault}")
        if state[1] == 0:
            raise ToolchainError(f"{step.name} reported success, but {path} is empty")


def result(step: Step, text: str) -> Throughput:
    """The figures that a run printed; raises ToolchainError."""
    return parse(text, batch=step.batch, sample_shape=step.sample_shape, console=step.console)


def script_shape(text: str) -> tuple[int, ...] | None:
    """The sample shape written into a compile script, which no option changes; None where none is found."""
    found = _SCRIPT_SHAPE.search(text)
    return tuple(int(size) for size in found["sizes"].split(",") if size.strip()) if found else None


def _check(job: Job) -> None:
    if missing := [*job.toolkit.missing(), *(p for p in (job.model, job.data) if not p.exists())]:
        raise ToolchainError(
            f"{missing[0]} is not there", hint="the paths are fields of ascend.Toolkit and ascend.Job"
        )
    if not job.batches or min(job.batches) < 1 or len(set(job.batches)) < len(job.batches):
        raise ToolchainError(f"batch sizes must be 1 or more, each once; got {list(job.batches)}")
    if not job.input_name or _OPTION_GRAMMAR & set(job.input_name):
        raise ToolchainError(f"atc's --input_shape cannot hold the input name {job.input_name!r}")
    for batch in job.batches:
        if job.samples is not None and job.samples // batch <= job.toolkit.warm_up_batches:
            raise ToolchainError(
                f"{job.samples} samples give {job.samples // batch} whole batches of {batch}; the runner "
                f"does not time the first {job.toolkit.warm_up_batches} and needs one more",
                hint=f"give {batch * (job.toolkit.warm_up_batches + 1)} samples, or leave this size out",
            )
    scripts = {"aie": job.toolkit.compile_script, "aie_in_run": job.toolkit.run_script}
    if script := scripts.get(job.route):
        shape = script_shape(script.read_text(encoding="utf-8", errors="replace"))
        if shape not in {None, job.sample_shape}:
            raise ToolchainError(
                f"{script} compiles for samples of {shape}, the model has {job.sample_shape}",
                hint="no option sets this: edit the shape in the script",
            )


def _atc(job: Job, batch: int) -> Step:
    path, tools = compiled(job, batch), job.toolkit
    shape = ",".join(str(size) for size in (batch, *job.sample_shape))
    words = (
        tools.atc,
        "--framework=5",  # ONNX
        f"--model={job.model.resolve()}",
        f"--output={str(path).removesuffix(tools.om_suffix)}",
        f"--input_format={tools.input_format}",
        f"--input_shape={job.input_name}:{shape}",
        f"--soc_version={job.soc_version}",
    )
    return _step(job, "atc", batch, words, (path,))


def _compile(job: Job, batch: int) -> Step:
    path, tools = compiled(job, batch), job.toolkit
    words = (
        tools.python,
        str(tools.compile_script.resolve()),
        f"--torch_script_path={job.model.resolve()}",
        f"--soc_version={job.soc_version}",
        f"--batch_size={batch}",
        f"--save_path={path.parent}",
    )
    return _step(job, "compile", batch, words, (path,))


def _run(job: Job, batch: int) -> Step:
    tools = job.toolkit
    words = (
        tools.python,
        str(tools.run_script.resolve()),
        f"--data_path={job.data.resolve()}",
        f"--soc_version={job.soc_version}",
        f"--model={compiled(job, batch)}",
        *(("--need_compile",) if job.route == "aie_in_run" else ()),
        f"--batch_size={batch}",
        f"--device_id={job.device_id}",
    )
    # At least the first result; every one where it is known how many there must be.
    count = 1 if job.samples is None else job.samples // batch * batch
    folder = job.work.resolve() / "result" / f"output_bs{batch}"
    names = (tools.result_name.format(index=index) for index in range(1, count + 1))
    return _step(job, "run", batch, words, tuple(folder / name for name in names))


def _step(job: Job, kind: Kind, batch: int, words: tuple[str, ...], writes: tuple[Path, ...]) -> Step:
    tools = job.toolkit
    if tools.set_env is not None:
        words = ("bash", "-c", _IN_ENVIRONMENT, "ascend", str(tools.set_env.resolve()), *words)
    return Step(
        kind=kind,
        batch=batch,
        sample_shape=job.sample_shape,
        argv=words,
        cwd=job.work.resolve(),
        env=dict(tools.env),
        writes=writes,
        console=tools.console,
    )


def _state(path: Path) -> tuple[int, int, int] | None:
    if not path.is_file():
        return None
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _hint(line: str) -> str:
    """The cure for faults whose words are public."""
    cures = {
        "soc_version": "the chip's name is Job.soc_version; `npu-smi info` shows it",
        "libascend_hal": "the driver's libraries are not found: name set_env.sh in Toolkit.set_env, or add "
        "their folder to LD_LIBRARY_PATH in Toolkit.env",
        "No parser is registered": "export with the opset that this release of CANN reads",
        "No supported Ops kernel": "this release of CANN lacks the operator for this chip",
        "ZeroDivisionError": "the runner does not time its first batches: give it more samples",
    }
    return next((cure for words, cure in cures.items() if words in line), "")
