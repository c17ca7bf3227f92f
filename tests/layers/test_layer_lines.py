"""The vendor's lines of compared layers."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.layers import vendor_text
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import layer_lines

LINES = Path(__file__).parent / "lines"
RESNET = (LINES / "resnet18_fixed.txt").read_text()


def test_the_vendors_own_text_is_read_and_written_byte_by_byte() -> None:
    """Padded names, and an OP_TYPE so long that it is glued to MSE."""
    found = layer_lines.parse(RESNET)

    assert RESNET == layer_lines.text(found)
    assert 27 == len(found)
    glued = found[23]
    assert (90, "fc1000_reshape#1_output#183") == (glued.index, glued.tensor)
    assert ("ReshapeAlias", 0.998488, 0.079694) == (glued.op, glued.cosine, glued.rmse)


def test_the_line_of_one_comparison_is_read_among_other_text() -> None:
    """Transposed or not, and `nan`, which the tool prints for zeros."""
    first, turned, zeros = layer_lines.parse((LINES / "one_layer.txt").read_text())

    assert ("CONV_2D", 0.999898, 0.01431) == (first.op, first.cosine, first.rmse)
    assert ("ADD", 0.999) == (turned.op, turned.cosine)
    assert (None, None) == (zeros.cosine, zeros.rmse)
    assert first.index is None


def test_a_text_without_layers_says_what_it_is() -> None:
    """The tool's own refusal is passed on."""
    with pytest.raises(ToolchainError, match="buffer size 1024 != file2 benchmark buffer size 2048"):
        layer_lines.parse((LINES / "refused.txt").read_text())
    with pytest.raises(ToolchainError, match="no line of a comparison"):
        layer_lines.parse("Run evaluation OK.\n")


def test_a_name_is_written_as_the_vendor_writes_file_names() -> None:
    """Number, tensor without slashes and colons, output."""
    assert "7._a_b0.xx.output0" == layer_lines.line_name(7, "/a/b:0")


def test_a_vendors_text_becomes_our_report() -> None:
    """Ranked by cosine where no SQNR is stated; nothing of it is suspicious by its own rule."""
    report = vendor_text.report(RESNET, source="resnet18_fixed.txt")

    assert () == report.suspicious
    assert "res5b_branch2a_xx_xx_xx" == report.ordered("accumulated")[0].name
    assert ("oscillating",) == report.rows[0].marks
    assert all(row.single is None and row.accumulated.sqnr_db is None for row in report.rows)
