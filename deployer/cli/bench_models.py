"""`deploy bench --all-models`: no board is asked."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from deployer.cli.options import Session


def show(session: Session, *, runs: int | None, wanted: Sequence[str]) -> None:
    """Time every network on this host and show the table."""
    # Read once, when numpy is imported: threads of a busy machine would blur the timing.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from deployer.model_timing.measure import all_models

    with session.progress() as emit:
        report = all_models(runs=runs or 10, wanted=wanted, emit=emit)
    session.show(report.as_data(), lambda: click.echo(report.as_text()))
