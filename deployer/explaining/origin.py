"""Check 2: chip and toolchain: whom the image is for, what it was made of and by, and which board answers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from board_runner import engine
from board_runner.contract import Array, Tensors
from board_runner.errors import DeployError
from deployer import artifacts
from deployer.conversion import image_facts
from deployer.conversion.job import toolchain_identity
from deployer.explaining.case import Case, conversion
from deployer.explaining.finding import Check, Finding
from deployer.explaining.replay import Replay, apart, compared

CHECK = Check(name="chip and toolchain")
FEW = 5
_UNRELATED = 0.5
_RELATED = 0.9
"""Correlation of an image's scores with an ONNX's: below the first it is of another, above the second of this."""


def check(case: Case, replayed: Replay) -> Finding:
    """The chips of image and board; then what the image was made from, by its manifest or by what it computes."""
    return (
        _chips(case, replayed) or _board_changed(case) or _made_from(case, replayed) or _rest(case, replayed)
    )


def image_chip(case: Case) -> tuple[str, str]:
    """For which chip the board's image is, and who says so; empty where nobody does."""
    if case.image is not None and case.image.chip:
        return case.image.chip, "the image's header"
    made = conversion(case)
    if made is not None:
        return made.chip, "the manifest of its conversion"
    stated = str(case.record.settings.get("image_chip", ""))
    chip, _, source = stated.partition(" (")
    return ("", "") if not source or chip == image_facts.UNVERIFIED else (chip, f"the record: {stated}")


def _chips(case: Case, replayed: Replay) -> Finding | None:
    """Images run on their own chip alone; unless the board is right all the same, and is called by another name."""
    chip, source = image_chip(case)
    board = case.board.facts.chip if case.board is not None else case.record.board.chip
    if not chip or not board or chip == board:
        return None
    clips = compared(case, replayed)
    if clips and not apart(case, replayed, clips):
        return None
    says = "the board itself" if case.board is not None else "the record of the run"
    return CHECK.proven(
        f"the image is for {chip}, the board is a {board}",
        evidence=[f"image: {source}", f"board: {says}"],
        cure=f"set `chip: {board}`, then `deploy convert` and `deploy bench`; a `chip:` of the board in "
        "deploy.yaml goes before what the board says, so take a wrong one out",
    )


def _board_changed(case: Case) -> Finding | None:
    """Another board than the run's answers at its address."""
    if case.board is None:
        return None
    then, now = case.record.board, case.board.facts
    if not then.machine or not now.machine or then.machine == now.machine:
        return None  # a chip in the record may be the configured one
    return CHECK.proven(
        "the board that answers now is not the one of the run",
        evidence=[f"{then.machine} in the run, {now.machine} now"],
        cure="choose the run's board with --board, or `deploy bench` on this one",
    )


def _made_from(case: Case, replayed: Replay) -> Finding | None:
    """An image of another ONNX than the one that the host's stages run."""
    made, onnx = conversion(case), case.project.onnx
    stated = made.manifest.inputs.get("onnx") if made is not None else None
    if stated is not None and stated != artifacts.sha256(onnx):
        return CHECK.proven(
            f"the board's image was made of another ONNX than {onnx.name}",
            evidence=[f"its manifest: {stated[:12]}", f"{onnx}: {artifacts.sha256(onnx)[:12]}"],
            cure="`deploy convert`, then `deploy bench`",
        )
    if stated is not None:
        return None
    alike = _likeness(case, replayed)
    if alike is None or alike >= _UNRELATED:
        return None
    return CHECK.proven(
        f"the board's image does not compute what {onnx.name} computes",
        evidence=[
            f"median correlation of their scores over {min(FEW, len(replayed.answers))} clips: {alike:.3f}"
        ],
        cure="the image is of another model: convert this ONNX, or set model.onnx to the image's own",
    )


def _likeness(case: Case, replayed: Replay) -> float | None:
    """Median correlation of the image's scores with the ONNX's in float; None where it cannot be had."""
    clips = list(replayed.answers)[:FEW]
    if not clips:
        return None
    try:
        onnx = engine.load(case.project.onnx)
        pairs = []
        for clip in clips:
            given = replayed.answers[clip].tensor
            theirs = onnx.run({onnx.inputs[0].name: given.astype(np.dtype(onnx.inputs[0].dtype))})
            pairs.append((_flat(replayed.answers[clip].outputs), _flat(theirs)))
        return float(np.median([_correlation(a, b) for a, b in pairs]))
    except (DeployError, ValueError):  # of another shape: the input contract says so
        return None


def _flat(outputs: Tensors) -> Array:
    return np.concatenate([np.asarray(value, np.float64).ravel() for value in outputs.values()])


def _correlation(a: Array, b: Array) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size else 0.0


def _rest(case: Case, replayed: Replay) -> Finding:
    evidence = list(_notes(case))
    chip, source = image_chip(case)
    board = case.board.facts.chip if case.board is not None else case.record.board.chip
    missing = []
    if not chip:
        missing.append("for which chip the image is")
    if not board:
        missing.append("which chip the board has")
    if conversion(case) is None:
        alike = _likeness(case, replayed)
        if alike is None or alike < _RELATED:
            missing.append("what the image was made of")
        else:
            evidence.append(f"no manifest of the image; its scores correlate with the ONNX's by {alike:.3f}")
    if missing:
        return CHECK.cannot_tell(f"not known: {', '.join(missing)}", evidence=evidence)
    return CHECK.fine(
        f"the image is for {chip}, and so is the board", evidence=[f"image: {source}", *evidence]
    )


def _notes(case: Case) -> Iterator[str]:
    """What is other than it was and proves nothing by itself."""
    made = conversion(case)
    if made is not None:
        version = made.manifest.settings.get("toolchain_version", image_facts.UNVERIFIED)
        yield f"made by toolchain {version}, {made.manifest.created}"
        stated = made.manifest.inputs.get("toolchain")
        if stated is not None and stated != toolchain_identity(case.project.toolchain.tree):
            yield "the toolchain's scripts have changed since: its simulators may answer otherwise"
    then = case.record.board.kernel
    now = case.board.facts.kernel if case.board is not None else None
    if then and now and then != now:
        yield f"the board's kernel was {then} and is {now} now: its firmware was changed after the run"
