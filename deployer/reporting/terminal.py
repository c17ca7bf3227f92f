"""Records drawn for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.markup import escape
from rich.table import Table

from deployer.labels import shown
from deployer.records import RunRecord
from deployer.reporting.said import says
from deployer.reporting.tiles import accuracy_text, offline_text
from deployer.statistics import ClipSummary, summarise


def clip_table(record: RunRecord) -> Table:
    """A row a clip, times in milliseconds."""
    table = Table(
        title=escape(f"{record.model} on {record.board.name}"), title_justify="left", box=box.SIMPLE_HEAD
    )
    table.add_column("clip", overflow="fold")
    table.add_column("says", overflow="fold")
    summary = summarise(record)
    warm = summary is not None and any(clip.warm_median_ms is not None for clip in summary.clips)
    lengths = {record.clip_seconds.get(clip.clip) for clip in summary.clips} if summary else set()
    paced = len(lengths) > 1 and None not in lengths
    more = (*["warm"] * warm, *["start, I/O", "real time"] * paced)
    for name in ("runs", "min", "median", "p90", "p95", "max", "post", *more):
        table.add_column(name, justify="right", no_wrap=True)
    for clip in summary.clips if summary else ():
        name, said, target, *figures = _row(clip, record.labels)
        said, target = escape(said), escape(target)
        if clip.target is not None and clip.class_ids and clip.class_ids != (clip.target,):
            said = f"[yellow]{said}, should be {target}[/]"
        paces = [_number(clip.start_load_io_median_ms, 1), _number(clip.real_time_factor, 4)] if paced else []
        table.add_row(escape(name), said, *figures, *[ms(clip.warm_median_ms)] * warm, *paces)
    table.caption = "model invoke time in ms; each run is the first invoke of its own process" + (
        ", `warm` are the invokes that follow it in one" if warm else ""
    )
    table.caption_justify = "left"
    return table


def ms(value_ms: float | None) -> str:
    """A time in a table: `-` where the runs are too few for such a percentile."""
    return "-" if value_ms is None else f"{value_ms:.3f}"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def summary_lines(record: RunRecord) -> list[str]:
    """The figures under the table, a line each."""
    summary = summarise(record)
    if summary is None:
        return ["no run gave a result"]
    invoke, post = summary.invoke, summary.post_process
    lines = [
        f"invoke         median {invoke.median_ms:.3f} ms   (min {invoke.min_ms:.3f}, "
        f"p90 {ms(invoke.p90_ms)}, p95 {ms(invoke.p95_ms)}, max {invoke.max_ms:.3f})",
        f"post-process   median {post.median_ms:.3f} ms",
    ]
    if summary.start_load_io is not None:
        lines.append(
            f"start and I/O  median {summary.start_load_io.median_ms:.1f} ms a run, apart from the above"
        )
    rate = f"throughput     {summary.clips_per_s:.2f} clips/s"
    if summary.real_time_factor is not None:
        rate += f", real-time factor {summary.real_time_factor:.4f}"
    lines.append(rate)
    if summary.first_chunk is not None:
        lines.append(f"first chunk    median {summary.first_chunk.median_ms:.3f} ms of invoke time")
    if not record.answers:
        lines.append(f"accuracy       {accuracy_text(summary)}")
    elif any(answer.offline_equal is not None for answer in record.answers):
        lines.append(f"offline        {offline_text(record)}")
    if record.failures:
        lines.append(f"failed         {len(record.failures)} runs")
    return lines


def _row(clip: ClipSummary, labels: Sequence[str]) -> list[str]:
    spread = clip.invoke
    times = (
        spread.min_ms,
        spread.median_ms,
        spread.p90_ms,
        spread.p95_ms,
        spread.max_ms,
        clip.post_process_median_ms,
    )
    return [clip.clip, says(clip, labels), shown(clip.target, labels), str(clip.runs), *map(ms, times)]
