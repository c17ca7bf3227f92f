"""Check 3: what the model wants, what the simulators feed it, what the wavs are, how the program reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from board_runner import audio
from board_runner.contract import InputContract, TensorSpec
from board_runner.errors import InputError
from deployer.explaining import front_end
from deployer.explaining.case import Case
from deployer.explaining.finding import Check, Finding, some
from deployer.explaining.replay import Replay

CHECK = Check(name="input contract")
QUIET_LEVELS = 64
"""A loudest sample of fewer int16 levels has less than 7 bits: mostly a scale that was applied twice."""

PREPARE = "`deploy prepare` makes wavs as the model wants them; then `deploy bench` again"


def check(case: Case, replayed: Replay) -> Finding:
    """Contract against contract, then every wav against the image's, then the program's reading of them."""
    host = case.project.contract
    image = case.image.contract if case.image is not None else replayed.contract
    other = list(differences(image, host)) if image is not None else []
    if other:
        return CHECK.proven(
            f"the board's image and {case.project.onnx.name} state another input: {other[0]}",
            evidence=other,
            cure="`deploy convert` from this ONNX, or give model.onnx the one that the image was made of: features "
            "are computed by the contract",
        )
    wrong = {clip: words for clip, path in _wavs(case) if (words := fault(path, image or host))}
    if wrong:
        return CHECK.proven(
            f"{some(wrong)}: not as the model wants {'it' if len(wrong) == 1 else 'them'}",
            evidence=[f"{clip}: {words}" for clip, words in list(wrong.items())[:5]],
            cure=PREPARE,
        )
    read = front_end.mistake(case, replayed)
    if read is not None:
        return CHECK.proven(
            f"the program on the board feeds the model {read.words}",
            evidence=read.evidence,
            cure=f"correct how it turns wav into tensor: {stated(image or host)}",
        )
    return _nothing(case, image, host)


def stated(contract: InputContract) -> str:
    """A contract in words."""
    inputs = ", ".join(_shown(spec) for spec in contract.inputs)
    parameters = ", ".join(f"{name} {value}" for name, value in sorted(contract.front_end.items()))
    return f"mono, {contract.sample_rate_hz} Hz, {inputs}" + (f", {parameters}" if parameters else "")


def differences(image: InputContract, host: InputContract) -> Iterator[str]:
    """Where the board's image and the host's model disagree, a sentence each."""
    if image.model != host.model:
        yield f"model {image.model} in the image, {host.model} here"
    if image.sample_rate_hz != host.sample_rate_hz:
        yield f"rate {image.sample_rate_hz} Hz in the image, {host.sample_rate_hz} Hz here"
    for what, ours, theirs in (
        ("input", image.inputs, host.inputs),
        ("output", image.outputs, host.outputs),
    ):
        if len(ours) != len(theirs):
            yield f"{len(ours)} {what}s in the image, {len(theirs)} here"
            continue
        for a, b in zip(ours, theirs, strict=True):
            if (a.dtype, a.shape) != (b.dtype, b.shape):
                yield f"{what} {_shown(a)} in the image, {_shown(b)} here{_turned(a, b)}"
    for name in sorted({*image.front_end, *host.front_end}):
        mine, other = image.front_end.get(name), host.front_end.get(name)
        if mine != other:
            yield f"front end's {name} {mine} in the image, {other} here"


def _shown(spec: TensorSpec) -> str:
    return f"{spec.name} {list(spec.shape)} {spec.dtype}"


def _turned(a: TensorSpec, b: TensorSpec) -> str:
    return (
        " (the same sizes in another layout)"
        if sorted(a.shape) == sorted(b.shape) and a.shape != b.shape
        else ""
    )


def fault(path: Path, contract: InputContract) -> str:
    """Why a wav is not what the contract wants, in words; empty when it is."""
    try:
        wav = audio.read_wav(path)
        audio.require(wav, contract.sample_rate_hz)
    except InputError as e:
        return str(e).removeprefix(f"{path}: ")
    loudest = float(np.abs(wav.samples).max())
    if loudest > 2 and np.array_equal(wav.samples, np.rint(wav.samples)):
        return f"integers written as floats, never divided by 32768: the loudest sample is {loudest:.6g}"
    return ""


def _wavs(case: Case) -> Iterator[tuple[str, Path]]:
    for clip in case.names.clips:
        path = case.held[clip].path
        if path is not None:
            yield clip, path


def _suspect(path: Path, contract: InputContract) -> str:
    """What may be meant and may be a mistake."""
    samples = audio.read_wav(path).samples
    loudest = float(np.abs(samples).max())
    if loudest == 0:
        return "silent"
    if loudest > 1:
        return f"floats beyond -1..1: the loudest sample is {loudest:.6g}"
    if loudest * 32768 < QUIET_LEVELS:
        return f"its loudest sample is {loudest * 32768:.3g} of 32768 levels: divided once too often?"
    full = float(np.mean(np.abs(samples) >= 32767 / 32768))
    if full > 0.01:
        return f"{full:.0%} of its samples are at full scale: clipped, or the scale is wrong"
    wanted = int(contract.front_end.get("samples", 0))
    if wanted and samples.shape[1] < wanted // 2:
        return f"{samples.shape[1]} of {wanted} samples: more than half of the input is padding"
    return ""


def _nothing(case: Case, image: InputContract | None, host: InputContract) -> Finding:
    wavs = list(_wavs(case))
    suspects = {clip: words for clip, path in wavs if (words := _suspect(path, image or host))}
    evidence = [stated(image or host), *(f"{clip}: {words}" for clip, words in list(suspects.items())[:5])]
    if not wavs:
        return CHECK.cannot_tell("no wav of the run is at hand", evidence=evidence)
    if image is None:
        said = case.record.settings.get("image_input")
        return CHECK.cannot_tell(
            f"the wavs are as {case.project.onnx.name} wants them; what the image wants is not known: "
            f"{case.why_no_image}",
            evidence=[*evidence, *([f"its input by the record: {said}"] if said else [])],
        )
    if suspects:
        return CHECK.cannot_tell(f"{some(suspects)}: meant so?", evidence=evidence, cure=PREPARE)
    return CHECK.fine(
        f"{len(wavs)} wavs are as the image wants them, and the ONNX states the same input", evidence=evidence
    )
