"""The vendor's own comparison, read from its text into our report."""

from __future__ import annotations

from deployer.layers.measure import Errors
from deployer.layers.report import LayerReport, LayerRow
from toolchain_wrappers.sigmastar import layer_lines


def report(text: str, *, source: str) -> LayerReport:
    """What auto_dump_debug.sh printed: accumulated errors of fixed against float, without SQNR.

    Its lines name no inputs, so a layer counts as reading the one before it. Raises ToolchainError when the
    text holds no such line.
    """
    rows: list[LayerRow] = []
    for place, line in enumerate(layer_lines.parse(text)):
        rows.append(
            LayerRow(
                index=place if line.index is None else line.index,
                name=line.tensor or f"line {place}",
                op=line.op,
                shape=(),
                sources=(rows[-1].name,) if rows else (),
                accumulated=Errors(cosine=line.cosine, rmse=line.rmse, mse=line.mse, sqnr_db=None),
                single=None,
                worst_clip="",
            )
        )
    return LayerReport(
        reference="float",
        candidate="fixed",
        reference_detail=source,
        candidate_detail=source,
        clips=(source,),
        rows=tuple(rows),
        no_single="the vendor's text states accumulated errors only",
    )
