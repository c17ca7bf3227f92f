"""`deploy history`: what was run, found again."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from board_runner.errors import UsageError
from deployer.cli import history_view as view
from deployer.cli.options import F, Session, common, dry_run
from deployer.errors import CheckFailed
from deployer.history import Filter, History, entry
from deployer.project import Project


class _ListUnlessTold(click.Group):
    """`deploy history` and `deploy history --board desk` are `deploy history list`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group("history", cls=_ListUnlessTold)
def command() -> None:
    """List, show, compare, tag, remove, export or import the runs of this project.

    RUN is an id or its beginning, a tag (the newest run with it), or `latest`.
    """


def _history(session: Session) -> History:
    """What is not taken in from an earlier deploy's files is said on stderr."""

    def warn(event: object) -> None:
        click.echo(f"{click.style('warning:', fg='yellow')} {getattr(event, 'message', event)}", err=True)

    return Project(session.deployment).history(emit=warn)


def filters(function: F) -> F:
    """`--board --chip --model --kind --tag --since --until`; the command gets `chosen`."""

    @functools.wraps(function)
    def wrapper(*args: Any, since: str | None, until: str | None, **kwargs: Any) -> Any:
        chosen = Filter(
            board=kwargs.pop("board"),
            chip=kwargs.pop("chip"),
            model=kwargs.pop("model"),
            kinds=kwargs.pop("kinds"),
            tag=kwargs.pop("tag"),
            since_s=entry.moment_s(since) if since is not None else None,
            until_s=entry.moment_s(until, end=True) if until is not None else None,
        )
        return function(*args, chosen=chosen, **kwargs)

    decorated: Callable[..., Any] = wrapper
    for option in reversed(
        (
            click.option("--board", help="Runs on this board."),
            click.option("--chip", help="Runs on boards with this chip."),
            click.option("--model", help="Runs of this model."),
            click.option("--kind", "kinds", multiple=True, help="bench, run, parse, ...; may be repeated."),
            click.option("--tag", help="Runs with this tag."),
            click.option(
                "--since", metavar="WHEN", help="2026-01-31, 2026-01-31T12:00, or an age: 12h, 7d, 2w."
            ),
            click.option("--until", metavar="WHEN", help="The same; a day counts to its end."),
        )
    ):
        decorated = option(decorated)
    return decorated  # type: ignore[return-value]  # functools.wraps keeps the name, not the signature


@command.command("list")
@filters
@click.option("--limit", type=click.IntRange(min=1), help="Only the newest N.")
@common
def list_runs(session: Session, chosen: Filter, limit: int | None) -> None:
    """Show the runs that fit, the newest first. This is what `deploy history` does."""
    found = _history(session).find(chosen, limit=limit)
    session.show([asdict(item) for item in found], lambda: view.print_list(found))


@command.command("show")
@click.argument("run", default=entry.LATEST)
@common
def show(session: Session, run: str) -> None:
    """Show RUN (default: the newest): what it was, its figures, its tags. `deploy report` has the whole page."""
    history = _history(session)
    found = history.entry(run)
    fields = history.fields(found.id)
    session.show({**asdict(found), "record": fields}, lambda: view.print_run(found, fields))


@command.command("diff")
@click.argument("a")
@click.argument("b", required=False)
@click.option("--fail-on-flip", is_flag=True, help="Exit with 1 where a clip's answer changed.")
@common
def diff(session: Session, a: str, b: str | None, fail_on_flip: bool) -> None:
    """Hold run B (default: the newest) against run A: medians and answers by clip, and what else differs.

    `deploy history diff latest` holds the newest against the one of its kind, model and board before it.

    Of two evaluations: each stage's metric, and the classes that are told better or worse.
    """
    from deployer.evaluation.record import KIND
    from deployer.history import diff as differences
    from deployer.history import pairs

    history = _history(session)
    first, second = pairs.of(history, a, b)
    if KIND == first.kind == second.kind:
        _diff_evaluations(session, history, first.id, second.id, fail_on_flip=fail_on_flip)
        return
    found = differences.diff(history.record(first.id), history.record(second.id))
    session.show(differences.as_data(found), lambda: view.print_difference(found))
    if fail_on_flip and found.flips:
        raise CheckFailed(
            f"{len(found.flips)} of {len(found.clips)} clips got another answer, first {found.flips[0].clip}"
        )


def _diff_evaluations(session: Session, history: History, a: str, b: str, *, fail_on_flip: bool) -> None:
    from deployer.evaluation import record
    from deployer.history import eval_diff

    if fail_on_flip:
        raise UsageError(
            "an evaluation keeps no answer of each clip, so no flips", hint="leave --fail-on-flip out"
        )
    place = str(history.path)
    first, second = (record.of_fields(history.fields(run), place=f"{place}: {run}") for run in (a, b))
    found = eval_diff.diff(first, second)
    session.show(eval_diff.as_data(found), lambda: view.print_eval_difference(found))


@command.command("tag")
@click.argument("run")
@click.argument("tags", nargs=-1, required=True, metavar="TAG...")
@click.option("--remove", is_flag=True, help="Take these tags from the run.")
@common
def tag(session: Session, run: str, tags: tuple[str, ...], remove: bool) -> None:
    """Give RUN tags. A run with a tag is never removed by gc."""
    history = _history(session)
    found = history.untag(run, tags) if remove else history.tag(run, tags)
    session.show(asdict(found), lambda: click.echo(f"{found.id}: {', '.join(found.tags) or 'no tags'}"))


@command.command("gc")
@filters
@click.option("--keep", type=click.IntRange(min=0), help="The newest N stay.")
@click.option("--older-than", metavar="AGE", help="Only runs older than 90d, 12h, 2w, or made before a day.")
@dry_run
@common
def gc(session: Session, chosen: Filter, keep: int | None, older_than: str | None, dry_run: bool) -> None:
    """Remove runs, of those that fit: all but the newest, the old ones, or the old but for the newest."""
    from deployer.history.collect import collect

    before_s = entry.moment_s(older_than) if older_than is not None else None
    done = collect(_history(session), chosen, keep=keep, before_s=before_s, dry_run=dry_run)
    session.show({**asdict(done), "bytes": done.bytes}, lambda: view.print_collected(done))


@command.command("export")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@filters
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write a file for each run into this folder.",
)
@common
def export(session: Session, runs: tuple[str, ...], chosen: Filter, out: Path | None) -> None:
    """Write runs as JSON: those named, or all that fit; an array on stdout unless --out is given."""
    from deployer.history import interchange

    history = _history(session)
    named = [history.entry(run) for run in runs]
    found = ((item, history.fields(item.id)) for item in named) if runs else history.each(chosen)
    if out is None:
        whole = [interchange.as_json(item, fields) for item, fields in found]
        click.echo(json.dumps(whole, indent=2, ensure_ascii=False))
        return
    paths = interchange.write(out, found)
    session.show([str(path) for path in paths], lambda: click.echo(f"{len(paths)} runs in {out}"))


@command.command("import")
@click.argument(
    "places", nargs=-1, required=True, metavar="PLACE...", type=click.Path(path_type=Path, exists=True)
)
@common
def import_runs(session: Session, places: tuple[Path, ...]) -> None:
    """Take in exported runs: files, or folders of them. A run that is there already stays one run."""
    from deployer.history import interchange

    history = _history(session)
    done = [interchange.read(history, place) for place in places]
    refused = [line for item in done for line in item.refused]
    value = {
        "added": sum(item.added for item in done),
        "known": sum(item.known for item in done),
        "refused": refused,
    }

    def text() -> None:
        click.echo(f"{value['added']} runs taken in, {value['known']} known")

    session.show(value, text)
    if refused:
        raise UsageError(
            f"not taken in: {refused[0]}" + (f" and {len(refused) - 1} more" if refused[1:] else "")
        )
