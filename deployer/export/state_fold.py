"""`deploy fold` of a PyTorch checkpoint: pairs found in a graph, never guessed from the order of names."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from board_runner.contract import Array
from board_runner.errors import ModelError, UsageError
from deployer import whole_file
from deployer.export import conversion, sources, weights
from deployer.folding import proof
from deployer.folding.checkpoint import fold_state, with_state
from deployer.folding.graph import fold_graph
from deployer.folding.onnx_fold import read, timings_of
from deployer.folding.records import MARK, SUFFIX, Fold
from deployer.folding.report import FoldReport


def fold_checkpoint(
    path: Path, out: Path | None = None, *, model: str, graph: Path | None = None, pairs: int = 0
) -> FoldReport:
    """Fold a checkpoint folder of `model`, or a .pt file by an ONNX `graph` with the same names, into `out`.

    The graph must still have its batch normalisations (PyTorch: training=PRESERVE). Without `out` the file is
    called `<name>_bnfused.pt`. For a folder the network itself is run before and after as well. Raises ModelError
    or MissingArtifact for what cannot be read, does not fit, or was folded before.
    """
    source = None
    if path.is_dir():
        source, path = sources.load(model, path), path / sources.WEIGHTS
        traced, _ = conversion.trace(source, source.contract, keep_norms=True)
        tensors = source.network.state_dict()
    elif graph is None:
        raise UsageError(
            f"{path}: a file of weights does not say which layer a batch normalisation follows",
            hint="give --graph NET.onnx, exported with training=PRESERVE; or the folder with args.yml",
        )
    else:
        traced, tensors = read(graph), weights.read(path)
    state = {name: _array(value) for name, value in tensors.items()}
    before = with_state(traced, state)
    folded = fold_graph(before)
    try:
        made = fold_state(state, folded.folds)
    except ModelError as e:
        raise ModelError(f"{path}: {e}", hint=e.hint) from e
    rows, refusals = proof.differences(before, folded.model)
    if source is not None:
        rows.append(_in_pytorch(source, made, folded.folds))
    equal = all(row.passed for row in rows)
    written = (out or path.with_name(f"{path.stem}{SUFFIX}{path.suffix}")) if equal and folded.folds else None
    if written is not None:
        _write(made, folded.folds, written)
    return FoldReport(
        source=path,
        written=written,
        folds=folded.folds,
        left=folded.left,
        differences=tuple(rows),
        timings=timings_of(before, folded.model, pairs, rows) if written and pairs else (),
        not_run=refusals,
    )


def folded_network(network: nn.Module, folds: Iterable[Fold], state: Mapping[str, Array]) -> nn.Module:
    """A copy of `network` with identities for its folded normalisations, and the weights of `state`.

    Raises ModelError where `state` does not fit.
    """
    made = copy.deepcopy(network)
    for fold in folds:
        _replace(made, fold.mean.rpartition(".")[0], nn.Identity())
        layer = made.get_submodule(fold.weight.rpartition(".")[0])
        if layer.bias is None:
            layer.bias = nn.Parameter(torch.zeros(len(state[f"{fold.weight.rpartition('.')[0]}.bias"])))
    weights.load_strictly(
        made, {name: torch.from_numpy(value) for name, value in state.items()}, Path(SUFFIX)
    )
    return made


def _array(value: Tensor) -> Array:
    return np.asarray(value.float().numpy() if value.dtype is torch.bfloat16 else value.numpy())


def _replace(network: nn.Module, name: str, other: nn.Module) -> None:
    outer, _, last = name.rpartition(".")
    setattr(network.get_submodule(outer), last, other)


def _in_pytorch(
    source: sources.Source, state: Mapping[str, Array], folds: Iterable[Fold]
) -> proof.Difference:
    """The network beside its folded copy, on noise."""
    other = folded_network(source.network, folds, state).eval()
    noise = np.random.default_rng(proof.SEED).standard_normal(source.contract.inputs[0].shape)
    value = torch.from_numpy(noise.astype(np.float32))
    first, second = _outputs(source.network, value), _outputs(other, value)
    return proof.Difference(
        engine="PyTorch",
        signal="noise",
        max_abs=max(proof.largest_difference(a, b) for a, b in zip(first, second, strict=True)),
        limit=proof.limit_of(max(float(np.abs(a).max()) for a in first)),
    )


def _outputs(network: nn.Module, value: Tensor) -> list[Array]:
    with torch.no_grad():
        given = network(value)
    return [output.numpy() for output in (given if isinstance(given, tuple) else (given,))]


def _write(state: Mapping[str, Array], folds: Iterable[Fold], path: Path) -> None:
    content: dict[str, Any] = {
        "model_dict": {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in state.items()},
        MARK: [fold.norm for fold in folds],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = io.BytesIO()
    torch.save(content, stored)
    whole_file.write(path, stored.getvalue())
