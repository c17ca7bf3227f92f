"""All checks of one export, in order."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import soundfile
import torch

from board_runner.contract import Array, InputContract
from board_runner.errors import InputError
from deployer.export.agreement import Limits, front_end, run_checks, seeded_inputs
from deployer.export.checks import Check, Graphs, graph_checks
from deployer.export.sources import Source

DEFAULT_LIMITS = Limits()


def verify(
    graphs: Graphs,
    contract: InputContract,
    source: Source,
    *,
    opset: int,
    inputs: dict[str, Array],
    limits: Limits = DEFAULT_LIMITS,
) -> list[Check]:
    """A row for every check of `graphs` against the network they came from, failed ones included."""

    def network(value: Array) -> list[Array]:
        with torch.no_grad():
            outputs = source.reference(torch.from_numpy(value))
        return [output.numpy() for output in (outputs if isinstance(outputs, tuple) else (outputs,))]

    return [
        *graph_checks(graphs, contract, opset, keeps_norms=source.keeps_norms),
        *run_checks(graphs, contract, network, inputs, limits),
    ]


def inputs_of(contract: InputContract, clips: Iterable[Path]) -> dict[str, Array]:
    """Name -> input: the seeded signals, and the recordings `clips`, mono and at the contract's rate.

    Raises InputError for a recording that cannot be read or is of another form.
    """
    inputs = seeded_inputs(contract)
    for path in clips:
        try:
            samples, rate_hz = soundfile.read(path, dtype="float32")
        except (soundfile.LibsndfileError, OSError) as e:
            raise InputError(f"cannot read {path}: {e}") from e
        if rate_hz != contract.sample_rate_hz:
            raise InputError(
                f"{path}: {rate_hz} Hz, wants {contract.sample_rate_hz}",
                hint="deploy prepare makes such files",
            )
        try:
            inputs[path.name] = front_end(samples, contract)
        except InputError as e:
            raise InputError(f"{path}: {e}", hint="deploy prepare makes such files") from e
    return inputs
