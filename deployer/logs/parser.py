"""The board program's output as records, from any log that holds it. Pure: text in, records out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from deployer.logs import cleaning, messages, pieces
from deployer.logs.messages import Failure
from deployer.logs.said import Said

MIXED = Failure(
    message="lines of two runs are mixed", hint="run one program at a time, or log each on its own terminal"
)


@dataclass(frozen=True, kw_only=True)
class RunOutput:
    """What one run said of one wav; None where the line is not in the log.

    `complete`: both times and the answer are there, a class id or `said`, which is what a model without classes
    says. `first_chunk_ms`: how long the model ran on the first of several chunks. `asked_*` come from the command
    line, if it was logged.
    """

    inputs: str | None = None
    model_path: str | None = None
    threshold: float | None = None
    element_format: int | None = None
    images: int | None = None
    image: str | None = None
    invoke_ms: float | None = None
    post_process_ms: float | None = None
    class_id: int | None = None
    said: Said | None = None
    first_chunk_ms: float | None = None
    complete: bool = False
    error: Failure | None = None
    asked_wav: str | None = None
    asked_model: str | None = None


@dataclass(frozen=True, kw_only=True)
class SimulatorOutput:
    """What the board's `dla_simulator` prints: one time a sample, and the XOR of all output bytes."""

    invoke_ms: tuple[float, ...]
    outputs_xor: int | None
    done: bool


def parse_stream(text: str | bytes) -> list[RunOutput]:
    """Every run in a log, in order: many runs, one pasted line, cut streams, kernel lines in between.

    A run that ended early is not `complete` and has its `error`, if its words are known. A class id that the
    log ends with is taken from a paste of one line only: where lines are kept, one without its line break may
    have lost digits.
    """
    runs = _Runs()
    clean = cleaning.readable(text)
    read = 0
    for match in _TOKENS.finditer(clean):
        runs.gap(clean[read : match.start()])
        read = match.end()
        if match.lastgroup == "class_id" and read == len(clean) and "\n" in clean:
            runs.cut(match.group())
        else:
            runs.take(str(match.lastgroup), match)
    runs.gap(clean[read:])
    return runs.finished()


def check_asked(output: RunOutput, wav_name: str | None, model_path: str | None) -> list[str]:
    """What the program reports to have used against what it was asked to; empty when they agree."""
    wrong = []
    if wav_name is not None:
        for what, said in (("inputs", output.inputs), ("the input image", output.image)):
            if said is not None and PurePosixPath(said).name != PurePosixPath(wav_name).name:
                wrong.append(f"asked for {wav_name}, `{what}` says {said}")
    used = output.model_path
    if model_path is not None and used is not None and PurePosixPath(model_path) != PurePosixPath(used):
        wrong.append(f"asked for model {model_path}, it used {used}")
    return wrong


def find_failure(text: str | bytes) -> Failure | None:
    """The first failure of a known kind in `text`, in words and with a hint; None if there is none."""
    return messages.find(cleaning.readable(text))


def parse_simulator(text: str | bytes) -> SimulatorOutput:
    """The standard output of `dla_simulator`."""
    clean = cleaning.readable(text)
    xor = re.search(r"All outputs XOR = (0x[0-9a-fA-F]+)", clean)
    return SimulatorOutput(
        invoke_ms=tuple(float(ms) for ms in re.findall(rf"\d+ / \d+\s+({_DECIMAL}) ms", clean)),
        outputs_xor=int(xor[1], 16) if xor else None,
        done="Done! Results in" in clean,
    )


_DECIMAL = r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_WORDS = rf"[^\n]+?(?=\s*(?:\n|$|{cleaning.KEYS}))"
_END = r"(?![\d.])"  # a number that the log cuts short is told by its missing unit or line break
_COUNT = r"\d{1,9}"
_HEX_END = r"(?![0-9a-fA-F])"
_TOKENS = re.compile(
    r"(?P<command>\S*prog_sed_eat(?=\s+-)(?:[ \t]+-(?:i|m|-images|-model)[ \t]+(?!-)\S+)+)"
    rf"|(?<![A-Za-z_-])(?:"
    rf"inputs:[ \t]*(?P<inputs>{_WORDS})"
    rf"|model path:[ \t]*(?P<model_path>{_WORDS})"
    rf"|threshold:\s*(?P<threshold>{_DECIMAL})"
    r"|unknown element format\s*(?P<element_format>\d+)"
    r"|found (?P<images>\d+) images!"
    rf"|the input image:[ \t]*(?P<image>{_WORDS})"
    rf"|model invoke time:\s*(?P<invoke_ms>{_DECIMAL})\s*ms"
    rf"|post process time:\s*(?P<post_process_ms>{_DECIMAL})\s*ms"
    rf"|class id:\s*(?P<class_id>-?\d+){_END}"
    rf"|embedding (?P<values>{_COUNT}: (?:[0-9a-f]{{8}})+){_HEX_END}"
    rf"|embedding: (?P<embedding>{_COUNT} values, crc32 [0-9a-f]{{8}}){_HEX_END}"
    rf"|first chunk time:\s*(?P<first_chunk_ms>{_DECIMAL})\s*ms"
    rf"|tokens (?P<tokens>{_COUNT}:(?: {_COUNT})+)(?!\d)"
    rf"|transcript: (?P<transcript>{_COUNT} tokens, {_COUNT} chunks, score -?{_DECIMAL}, crc32 [0-9a-f]{{8}})"
    rf"{_HEX_END})"
)
_TYPES: dict[str, Callable[[str], str | int | float]] = {
    "threshold": float,
    "element_format": int,
    "images": int,
    "invoke_ms": float,
    "post_process_ms": float,
    "first_chunk_ms": float,
    "class_id": int,
}
_TIMES = ("invoke_ms", "post_process_ms")
_ANSWERS = ("class_id", "embedding", "transcript")
_PIECES = ("values", "tokens")
"""Lines of which an answer has many, each with its place in it."""
_HEADER = ("inputs", "model_path", "threshold", "element_format", "images", "asked_wav", "asked_model")
_ANYBODYS = {"threshold", "element_format", "images"}
_WAV_OPTION = re.compile(r"(?:-i|--images)[ \t]+(\S+)")
_MODEL_OPTION = re.compile(r"(?:-m|--model)[ \t]+(\S+)")


@dataclass(kw_only=True)
class _Run:
    """A run while it is read; `nth` of the wavs that its process found."""

    values: dict[str, Any] = field(default_factory=dict)
    nth: int = 1
    words: str = ""
    error: Failure | None = None
    pieces: dict[int, str] = field(default_factory=dict)

    @property
    def has_result(self) -> bool:
        answered = any(name in self.values for name in _ANSWERS)
        return answered and all(name in self.values for name in _TIMES)

    @property
    def has_begun(self) -> bool:
        """Whether the program said anything, beyond the command line that someone typed."""
        return bool(self.values.keys() - {"asked_wav", "asked_model"})

    def output(self) -> RunOutput:
        found = pieces.of(self.values, self.pieces)
        damage = found if isinstance(found, Failure) else None
        fault = self.error or damage
        complete = self.has_result and fault is None
        return RunOutput(
            **{name: value for name, value in self.values.items() if name not in pieces.LINES},
            said=found if complete and not isinstance(found, Failure) else None,
            complete=complete,
            error=None if complete else fault or messages.find(self.words),
        )


class _Runs:
    """Sorts what is found, in order, into runs."""

    def __init__(self) -> None:
        self._runs: list[_Run] = []

    def gap(self, words: str) -> None:
        """Text that is no line of the protocol: where a failure would stand."""
        if self._runs:
            self._runs[-1].words += words
        elif "prog_sed_eat" in words and messages.find(words):
            self._runs.append(_Run(words=words))

    def take(self, name: str, match: re.Match[str]) -> None:
        """One line of the protocol, or a command line."""
        if name == "command":
            self._command(match.group())
            return
        value = _TYPES.get(name, str)(match[name].strip())
        run = self._run_for(name)
        if name in _PIECES:
            place, _, text = match[name].partition(": ")
            if int(place) in run.pieces:
                run.error = MIXED
            run.pieces[int(place)] = text
            return
        if name in run.values:
            run.error = MIXED
        run.values.setdefault(name, value)
        if name == "images" and value == 0:
            run.words += match.group()

    def cut(self, words: str) -> None:
        """The log ends within its last line."""
        if self._runs:
            self._runs[-1].error = Failure(
                message=f"the log ends within its last line, `{words}`",
                hint="if that line is whole, end it with a line break",
            )

    def finished(self) -> list[RunOutput]:
        """The runs; a lone line that any program may print is none."""
        outputs = [run.output() for run in self._runs if run.values.keys() - _ANYBODYS or not run.values]
        return [output for output in outputs if output != RunOutput()]

    def _command(self, line: str) -> None:
        asked = {"asked_wav": _WAV_OPTION.search(line), "asked_model": _MODEL_OPTION.search(line)}
        run = _Run(values={key: match[1] for key, match in asked.items() if match})
        last = self._runs[-1] if self._runs else None
        if last is not None and last.values == run.values and not messages.find(last.words):
            self._runs.pop()  # a terminal that redraws the line it is typed on
        self._runs.append(run)

    def _run_for(self, name: str) -> _Run:
        last = self._runs[-1] if self._runs else None
        if last is None or self._starts(name, last):
            self._runs.append(_Run())
        elif name == "image" and name in last.values and last.nth < last.values.get("images", 1):
            header = {key: value for key, value in last.values.items() if key in _HEADER}
            self._runs.append(_Run(values=header, nth=last.nth + 1))
        return self._runs[-1]

    def _starts(self, name: str, last: _Run) -> bool:
        if name == "inputs":
            return last.has_begun
        # The line before it is lost: a whole run is not followed by a second header of its own.
        return last.has_result and name in ("model_path", "threshold")
