"""The front as an SVG. The only module that imports matplotlib, and only when it draws."""

from __future__ import annotations

import math
from pathlib import Path

from board_runner.errors import UsageError
from deployer.tuning.tune import Tuned

PLOT = "front.svg"
_MARKERS = {"all 8": "o", "mixed": "s", "all 16": "^"}


def draw(tuned: Tuned, path: Path) -> Path:
    """Image size against SQNR, a marker a kind of choice, the front as a line with names, the choice ringed.

    Raises UsageError where matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as e:
        raise UsageError("the plot needs matplotlib", hint="pip install matplotlib") from e
    with matplotlib.rc_context({"svg.hashsalt": "deploy", "svg.fonttype": "none"}):
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        by_name = {result.candidate.name: result for result in tuned.results}
        on_front = [by_name[name] for name in tuned.front]
        axes.plot([r.image_bytes for r in on_front], [r.sqnr_db for r in on_front], color="0.7", zorder=1)
        for bits, marker in _MARKERS.items():
            shown = [r for r in tuned.results if r.candidate.conv_bits == bits and math.isfinite(r.sqnr_db)]
            sizes, levels = [r.image_bytes for r in shown], [r.sqnr_db for r in shown]
            axes.scatter(
                sizes,
                levels,
                marker=marker,
                label=f"convolutions: {bits} bit" if bits != "mixed" else "convolutions: 8 and 16 bit",
                zorder=2,
            )
        for r in on_front:
            if math.isfinite(r.sqnr_db):
                text = f"{r.candidate.name}, {r.invoke_ms:.0f} ms"
                axes.annotate(
                    text, (r.image_bytes, r.sqnr_db), (5, 4), textcoords="offset points", fontsize=7
                )
        chosen = tuned.choice.result
        axes.scatter(
            [chosen.image_bytes],
            [chosen.sqnr_db],
            label=f"chosen: {tuned.choice.why}",
            s=160,
            facecolors="none",
            edgecolors="tab:red",
        )
        axes.set_xlabel("eat.img, bytes")
        axes.set_ylabel("SQNR against float, dB")
        axes.set_title(f"{len(tuned.clips.judged)} clips; times are the simulator's on this machine")
        axes.margins(x=0.15)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, loc="lower right")
        figure.savefig(path, format="svg", metadata={"Date": None})
    return path
