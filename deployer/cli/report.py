"""`deploy report`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import click

from board_runner.errors import UsageError
from deployer.cli.options import Session, common, in_a_folder
from deployer.project import Project

if TYPE_CHECKING:  # `--help` needs none of it
    from deployer.reporting.page import Page

Format = Literal["html", "md", "github", "json", "junit", "csv"]

_SUFFIXES: dict[str, Format] = {
    ".html": "html",
    ".htm": "html",
    ".md": "md",
    ".json": "json",
    ".xml": "junit",
    ".csv": "csv",
}


@click.command("report")
@click.argument("what", nargs=-1, metavar="[RUN|FILE]...")
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(Format)),
    help="By default what --out ends in, else md; html goes to a file.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file.")
@click.option(
    "--clips",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where the wavs that were run lie, for the sound of the worst; by default where the project has them.",
)
@click.option(
    "--sounds", type=click.IntRange(0, 5), default=5, show_default=True, help="Worst clips to put in."
)
@common
def command(
    session: Session,
    *,
    what: tuple[str, ...],
    form: Format | None,
    out: Path | None,
    clips: Path | None,
    sounds: int,
) -> None:
    """Show runs as one HTML file, Markdown, JUnit XML, CSV or JSON.

    A run or an evaluation is an id, its beginning, a tag or a record's file (default: the newest). A FILE is what
    `compare-sim --json` printed or `compare-sim --layers-out` left: its stages or layers are shown too.
    """
    from deployer.reporting import sources

    in_a_folder(out)
    project = Project(session.deployment)
    chosen = _form(session, form, out)
    page = sources.gather(what, project.history(), runs_alone=chosen in ("junit", "csv"))
    if chosen == "html":
        from deployer.reporting import html

        text = html.as_html(page, clips_dir=project.clips_dir, chosen_dir=clips, clips=sounds)
        out = out or Path(f"{page.name}.html")
    else:
        text = _text(page, chosen)
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8", newline="")
        click.echo(f"report: {out}", err=True)


def _form(session: Session, form: Format | None, out: Path | None) -> Format:
    if session.as_json:
        if form not in (None, "json"):
            raise UsageError(f"--json and --format {form}: one of them")
        return "json"
    if form is not None:
        return form
    if out is None:
        return "md"
    if out.suffix.lower() not in _SUFFIXES:
        raise UsageError(
            f"{out}: its ending names no form of a report",
            hint=f"end it in {', '.join(_SUFFIXES)}, or say --format",
        )
    return _SUFFIXES[out.suffix.lower()]


def _text(page: Page, form: Format) -> str:
    if form == "json":
        from deployer.reporting import data

        return json.dumps(data.as_data(page), indent=2, ensure_ascii=False, default=str) + "\n"
    if form == "junit":
        from deployer.reporting import junit

        return junit.as_junit(page)
    if form == "csv":
        from deployer.reporting import sheet

        return sheet.as_csv(page)
    from deployer.reporting import markdown

    return markdown.as_github(page) if form == "github" else markdown.as_markdown(page)
