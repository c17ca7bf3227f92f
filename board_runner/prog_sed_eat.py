"""The board program: `prog_sed_eat -i WAV -m MODEL`, line for line what the vendor's prints.

A model without classes gets lines of our own in place of `class id:` (`protocol.py`).

Exit status: 0 when it ran through (also when `-i` matched nothing, as the vendor's), 1 for a wrong command
line, 255 for anything else. A caller should trust the result line and nothing else.
"""

from __future__ import annotations

import getopt
import glob
import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from board_runner import audio, engine, models, protocol
from board_runner.contract import InputContract, Tensors
from board_runner.engine import Engine
from board_runner.errors import DeployError, ModelError
from board_runner.models.base import AudioModel, Decision, Embedder, Transcript, run_model

NAME = "prog_sed_eat"
USAGE = f"""Usage: ./{NAME} [-i] [-m]
 -h, --help      show this help message and exit
 -i, --images    path to a wav, a folder of them, or a pattern
 -m, --model     path to model file"""

Write = Callable[[str], None]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")  # file names are bytes; print them as they came
    try:
        options, rest = getopt.gnu_getopt(
            list(sys.argv[1:] if argv is None else argv), "hi:m:", ["help", "images=", "model="]
        )
    except getopt.GetoptError as e:
        return _usage_error(str(e))
    chosen = {name.lstrip("-")[0]: value for name, value in options}
    if "h" in chosen:
        _out(USAGE)
        return 0
    if rest or not chosen.get("i") or not chosen.get("m"):
        return _usage_error(f"unexpected {rest[0]!r}" if rest else "both -i and -m are needed")
    try:
        with kernel_log():
            classify(chosen["i"], chosen["m"], _out)
    except DeployError as e:
        _complain(f"{e} ({e.hint})" if e.hint else str(e))
        return protocol.SYSTEM_FAULT
    return 0


def classify(inputs: str, model_path: str, write: Write) -> None:
    """Classify every wav that `inputs` matches, and write the vendor's lines.

    Raises ModelError after the line by which the vendor's program fails, InputError for a wav.
    """
    for line in protocol.opening(inputs, model_path):
        write(line)
    loaded = _load(Path(model_path), write)
    contract = contract_of(Path(model_path))
    write(protocol.element_format(loaded.inputs[0].dtype))
    paths = matches(inputs)
    write(protocol.found(len(paths)))
    for path in paths:
        write(protocol.input_image(path))
        for line in _answer(Path(path), loaded, contract, write):
            write(line)


def _answer(path: Path, loaded: Engine, contract: InputContract, write: Write) -> Iterator[str]:
    samples = audio.require(audio.read_wav(path), contract.sample_rate_hz)
    model = models.get(contract.model)
    timed = TimedEngine(loaded)
    try:
        outputs = run_model(model, timed, samples, contract)
        started = time.perf_counter()
        lines = list(_said(model, outputs, timed))
    except ModelError:
        write(protocol.invoke_failure(protocol.INVALID_MODEL_BUFFER))
        raise
    post_process_ms = 1000 * (time.perf_counter() - started)
    yield from protocol.times(sum(timed.runs_ms), post_process_ms)
    yield from lines


def _said(model: AudioModel, outputs: Sequence[Tensors], timed: TimedEngine) -> Iterator[str]:
    """The lines of the model's answer. Raises ModelError for one that no line holds."""
    answer = model.decode(outputs)
    match answer:
        case Decision(class_id=class_id):
            return protocol.classified(class_id)
        case Transcript(tokens=tokens, score=score):
            first = timed.runs_ms[0]
            return protocol.transcript(tokens, score, chunks=len(timed.runs_ms), first_chunk_ms=first)
    if not isinstance(model, Embedder):
        raise ModelError(f"no line for {type(answer).__name__}: its model has no `embedding`")
    return protocol.embedding(model.embedding(outputs).astype("<f4").tobytes())


class TimedEngine:
    """An engine that notes the wall time of each of its runs, without what goes on between them."""

    def __init__(self, inner: Engine) -> None:
        self.inner = inner
        self.inputs = inner.inputs
        self.outputs = inner.outputs
        self.runs_ms: list[float] = []

    def run(self, inputs: Tensors) -> Tensors:
        """Run once."""
        started = time.perf_counter()
        outputs = self.inner.run(inputs)
        self.runs_ms.append(1000 * (time.perf_counter() - started))
        return outputs


def contract_of(path: Path) -> InputContract:
    """The contract that the model file carries, or that of EAT where it carries none. Raises ModelError."""
    from board_runner.integer import container, image

    if container.is_image(path):
        return image.read(path).contract
    from board_runner.graph import Graph

    return Graph.load(path).contract or models.get("eat").contract()


def matches(inputs: str) -> list[str]:
    """The files that `-i` names, sorted; a bare name gets the `./` of the vendor's own search."""
    path = Path(inputs)
    if path.is_dir():
        found = [str(entry) for entry in path.iterdir() if entry.is_file()]
    elif path.is_file():
        found = [inputs]  # before it is taken for a pattern: names may hold brackets
    else:
        found = [name for name in glob.glob(inputs) if Path(name).is_file()]  # noqa: PTH207 - may be absolute
    return sorted(name if "/" in name else f"./{name}" for name in found)


def _load(path: Path, write: Write) -> Engine:
    try:
        if not path.is_file():
            write(f"Open {path} FAIL")
            raise ModelError(f"{path}: no such model file")
        _refuse_foreign(path)
        return engine.load(path)
    except ImportError as e:
        write(protocol.model_failure(protocol.INVALID_MODEL_BUFFER))
        raise ModelError(
            f"{path}: no image of this runner, and {e.name or 'a package'} to read other models is not here",
            hint="`deploy convert` makes eat.img",
        ) from e
    except ModelError:
        known = protocol.INVALID_MODEL_BUFFER if path.is_file() else protocol.FILE_OPERATION
        write(protocol.model_failure(known))
        raise
    except OSError as e:
        write(protocol.model_failure(protocol.FILE_OPERATION))
        raise ModelError(f"{path}: cannot be read ({e.strerror or e})") from e


def _refuse_foreign(path: Path) -> None:
    """An image of another maker has no mark that we know, so the name decides whether this is one."""
    from board_runner.integer import container

    if path.suffix == ".img" and not container.is_image(path):
        raise ModelError(
            f"{path}: not an image of this runner",
            hint=f"a vendor's .img runs with the vendor's {NAME}, on the IPU only",
        )


@contextmanager
def kernel_log() -> Iterator[None]:
    """On a simulated board, leave the driver's lines in the file that `SGS_KMSG` names."""
    _to_kernel_log(connected=True)
    try:
        yield
    finally:
        _to_kernel_log(connected=False)


def _to_kernel_log(*, connected: bool) -> None:
    path = os.environ.get("SGS_KMSG")
    if path:
        # The kernel's log is not the program's business: it cannot fail because of it.
        with suppress(OSError), Path(path).open("a", encoding="utf-8") as log:
            log.write(protocol.kernel_client(os.getpid(), connected=connected) + "\n")


def _usage_error(message: str) -> int:
    _complain(message)
    print(USAGE, file=sys.stderr, flush=True)
    return 1


def _complain(message: str) -> None:
    print(f"{NAME}: {message}", file=sys.stderr, flush=True)


def _out(line: str) -> None:
    # Line by line, so that a run cut at its deadline leaves what it got to.
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
