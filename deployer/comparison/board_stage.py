"""The `board` stage: the tensors that a board computes from the host's exact input bytes.

The board's twin of simulator.py does the work: our own Python one on a board with our runtime, the vendor's
`prog_dla_dla_simulator` where `board_simulator:` says it lies. Inputs go over one at a time, under names that no
clip can spoil, and go away again. The program's exit status says nothing (0 also after errors), it may have left
an older result, and the vendor's takes a short input for whole: so what counts is a digest of every file sent,
an old result removed beforehand, the line `Done!`, and a result file that is whole and of the model's shapes.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from board_runner import dla_simulator
from board_runner.contract import Array, Tensors, TensorSpec
from board_runner.errors import UsageError
from board_runner.integer import container
from board_runner.integer.engine import OfflineEngine
from deployer.board.base import Board, Completed, Upload
from deployer.board.files import digests
from deployer.comparison import layouts
from deployer.comparison.compare import StageOutputs
from deployer.errors import BoardUnreachable, ProgramFailed, TransferError
from deployer.events import Advanced, Emit, Finished, Started, Warned
from deployer.logs import parser
from deployer.run import Program, explained
from deployer.running import aftermath, guard
from deployer.settings.config import BoardSimulatorSection
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import dumps

STEP = "board"
OWN = PurePosixPath(dla_simulator.NAME)
"""Where `push` puts our own program, below `current/`."""

FOLDER = "compare"
"""Below `current/`: inputs, and the `output/` that the program makes in its working directory."""

_HALF_PRINTED = 0.5001e-6
_KEPT_BYTES = 400

Expected = Callable[[Array], tuple[int, Tensors]]
"""An input -> `All outputs XOR` and the outputs, as the host computes them from the same image."""


@dataclass(frozen=True, kw_only=True)
class Simulator:
    """How the program is started: its path on the board, the input format, and the model it is given."""

    path: PurePosixPath
    format: str
    program: Program
    own: bool

    @property
    def folder(self) -> PurePosixPath:
        """Its working directory."""
        return self.program.directory / FOLDER

    def argv(self, name: str) -> list[str]:
        """The vendor's command line for one input file."""
        model = f"../{self.program.model}"
        return [str(self.path), "-i", name, "-m", model, "-c", "Unknown", "-f", self.format]

    def result(self, name: str) -> PurePosixPath:
        """Where it writes the outputs of one input file."""
        model = PurePosixPath(self.program.model).name
        return self.folder / "output" / f"unknown_{model}_{name}.txt"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One clip on the board. `xor` and `expected_xor`: the fingerprint there and on the host, None if unknown."""

    clip: str
    tensors: Mapping[str, Array]
    xor: int
    expected_xor: int | None
    invoke_ms: float
    notes: tuple[str, ...] = ()

    @property
    def bit_exact(self) -> bool | None:
        """Whether the board's raw outputs are the host's; None where the host cannot tell."""
        return None if self.expected_xor is None else self.xor == self.expected_xor


@dataclass(frozen=True, kw_only=True)
class BoardTensors:
    """Every clip's answer, as a stage of a comparison; `differing` are the clips with not the host's bits."""

    stage: StageOutputs
    differing: tuple[str, ...]


def choose(section: BoardSimulatorSection, program: Program, *, own_runtime: bool) -> Simulator | None:
    """The configured program; else our own, where the board runs our runtime; else none."""
    if section.path is not None:
        return Simulator(path=section.path, format=section.format, program=program, own=False)
    if own_runtime:
        return Simulator(path=program.directory / OWN, format=section.format, program=program, own=True)
    return None


def missing(board: Board, simulator: Simulator | None) -> str | None:
    """Why there can be no tensors, in words; None when the program is there."""
    if simulator is None:
        return "the board runs the vendor's program, and `board_simulator:` names no dla_simulator"
    found = board.run(["sh", "-c", '[ -f "$1" ] && [ -x "$1" ]', "sh", str(simulator.path)], timeout_s=30)
    if found.exit_status != 0:
        return f"there is no program {simulator.path} on the board"
    return None


def expected_of(image: Path) -> Expected | None:
    """What the host computes from an image of ours; None for another maker's."""
    if not container.is_image(image):
        return None
    engine = OfflineEngine.load(image)

    def expected(value: Array) -> tuple[int, Tensors]:
        raw = engine.run_raw({engine.inputs[0].name: value})
        real = {name: levels.astype(np.float32) * engine.output_scales[name] for name, levels in raw.items()}
        return dla_simulator.fingerprint(raw.values()), real

    return expected


def collect(answers: Iterable[Answer], *, total: int, where: str, emit: Emit) -> BoardTensors:
    """All answers as one stage; the detail says how many are bit-exact."""
    emit(Started(step=STEP, total=total, unit="clips"))
    seen: list[Answer] = []
    for answer in answers:
        seen.append(answer)
        emit(Advanced(step=STEP, done=len(seen), total=total, note=answer.clip))
    differing = tuple(answer.clip for answer in seen if answer.bit_exact is False)
    if differing:
        emit(
            Warned(step=STEP, message=f"not the host's bits on {len(differing)} clips, first {differing[0]}")
        )
    emit(Finished(step=STEP, note=f"{len(seen)} clips, {_verdict(seen)}"))
    notes = dict.fromkeys(note for answer in seen for note in answer.notes)
    return BoardTensors(
        stage=StageOutputs(
            stage=STEP,
            detail="; ".join((where, _verdict(seen), *notes)),
            outputs={answer.clip: answer.tensors for answer in seen},
            fingerprints={answer.clip: answer.xor for answer in seen},
        ),
        differing=differing,
    )


def _verdict(seen: Sequence[Answer]) -> str:
    checked = [answer for answer in seen if answer.bit_exact is not None]
    if not checked:
        return "All outputs XOR kept, not checked: the host cannot compute this image's"
    same = sum(answer.bit_exact is True for answer in checked)
    proof = "bit-exact" if same == len(checked) else "NOT bit-exact"
    return f"{proof}: All outputs XOR is the host's on {same} of {len(checked)} clips"


def simulate(
    board: Board,
    simulator: Simulator,
    clips: Iterable[tuple[str, Array]],
    outputs: Sequence[TensorSpec],
    *,
    expected: Expected | None = None,
) -> Iterator[Answer]:
    """Run clip after clip; each is on the host before the next one is sent.

    Raises ProgramFailed for a run without a whole result, TransferError, NoSpace, BoardUnreachable.
    """
    with tempfile.TemporaryDirectory(prefix="deploy-board-") as temporary:
        for number, (clip, value) in enumerate(clips, start=1):
            content = np.ascontiguousarray(value, value.dtype.newbyteorder("<")).tobytes()
            name = f"clip{number:05d}_{hashlib.sha256(content).hexdigest()[:8]}.bin"
            local = Path(temporary) / name
            local.write_bytes(content)
            try:
                text, said = _run_one(board, simulator, local, Path(temporary) / "result.txt")
            finally:
                local.unlink()
            yield _answer(clip, value, text, said, outputs=outputs, expected=expected)


def _run_one(
    board: Board, simulator: Simulator, local: Path, fetched: Path
) -> tuple[str, parser.SimulatorOutput]:
    """Send one input, run, fetch its result; what lay there before and what is left over is removed."""
    target, result = simulator.folder / local.name, simulator.result(local.name)
    board.push([Upload(source=local, target=target, sha256=digests.file_digest(local))])
    try:
        _remove(board, result)
        ran = guard.run(
            board,
            simulator.argv(local.name),
            timeout_s=simulator.program.timeout_s,
            cwd=simulator.folder,
            env=simulator.program.env,
        )
        said = parser.parse_simulator(ran.completed.stdout)
        if not said.done or said.outputs_xor is None or len(said.invoke_ms) != 1:
            raise explained(_failure(simulator, ran.completed), aftermath.ask(board, ran.start))
        try:
            board.pull(result, fetched)
        except TransferError as e:
            raise ProgramFailed(
                f"{simulator.path.name} said Done! and left no {result.name}: {e}",
                hint="is its working directory writable, and is there room?",
            ) from e
        return fetched.read_text(encoding="utf-8", errors="replace"), said
    finally:
        with contextlib.suppress(BoardUnreachable, TransferError):  # never in place of what went wrong before
            _remove(board, target, result)


def _remove(board: Board, *paths: PurePosixPath) -> None:
    done = board.run(["rm", "-f", *map(str, paths)], timeout_s=30)
    if done.exit_status != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise TransferError(f"{paths[0]}: an older file cannot be removed: {said}", hint="look at the board")


def _answer(
    clip: str,
    value: Array,
    text: str,
    said: parser.SimulatorOutput,
    *,
    outputs: Sequence[TensorSpec],
    expected: Expected | None,
) -> Answer:
    try:
        found = {tensor.name: tensor.values for tensor in dumps.parse(text, file=clip)}
    except ToolchainError as e:
        raise ProgramFailed(
            f"the board's result is not whole: {e}", hint="was the board out of room, or the program stopped?"
        ) from e
    if sorted(found) != sorted(spec.name for spec in outputs):
        raise ProgramFailed(
            f"{clip}: the board gave {sorted(found)}, the model's outputs are {[s.name for s in outputs]}",
            hint="another model lies on the board, or model.onnx is not what its image was made from",
        )
    tensors, notes = {}, []
    for spec in outputs:
        try:
            fit = layouts.aligned(found[spec.name], np.empty(spec.shape, np.dtype(spec.dtype)))
        except UsageError as e:
            raise ProgramFailed(f"{clip}, output {spec.name!r} of the board: {e}", hint=e.hint) from e
        tensors[spec.name] = fit.tensor
        notes += [f"{spec.name}: {fit.note}"] if fit.note != "as given" else []
    xor, known = (None, None) if expected is None else expected(value)
    if known is not None and xor == said.outputs_xor:
        _check_text(clip, tensors, known)
    return Answer(
        clip=clip,
        tensors=tensors,
        xor=said.outputs_xor or 0,
        expected_xor=xor,
        invoke_ms=said.invoke_ms[0],
        notes=tuple(notes),
    )


def _check_text(clip: str, tensors: Tensors, known: Tensors) -> None:
    """Where the fingerprints agree, the printed values must be the host's, rounded: else one of them lies."""
    for name, value in tensors.items():
        exact = known[name].reshape(value.shape).astype(np.float64)
        off = np.abs(value.astype(np.float64) - exact)
        if not (off <= _HALF_PRINTED + np.abs(exact) * 2.0**-23).all():
            raise ProgramFailed(
                f"{clip}, output {name!r}: All outputs XOR is the host's, the printed values are not "
                f"(off by {off.max():.3g})",
                hint="a result of another run? `deploy compare-sim` again; else the scales differ",
            )


def _failure(simulator: Simulator, done: Completed) -> ProgramFailed:
    said = (done.stdout + b"\n" + done.stderr).decode("utf-8", "replace")
    name = simulator.path.name
    if done.timed_out:
        return ProgramFailed(f"{name} was stopped after {simulator.program.timeout_s:g} s without a result")
    known = parser.find_failure(said)
    words = known.message if known is not None else said.strip()[-_KEPT_BYTES:] or "it printed nothing"
    return ProgramFailed(
        f"{name} gave no result (exit status {done.exit_status}): {words}",
        hint=known.hint if known is not None else "",
    )
