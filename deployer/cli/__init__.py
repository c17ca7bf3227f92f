"""The `deploy` command: a group that holds every one-line help and imports only what is asked for."""

from __future__ import annotations

import gc as collector  # `gc` is also a command, whose module takes that name in this package
import os
import select
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from board_runner.errors import DeployError
from deployer import __version__, interrupts
from deployer.errors import BUG, INTERRUPTED, of_this_machine

COMMANDS = {
    "init": "Write a commented deploy.yaml.",
    "models": "List the models: sizes, input, metric, stages that work, licence of published weights.",
    "demo": "Run the whole chain on real audio against the built-in board.",
    "all": "Export, convert, build, push, bench and compare, skipping what is current.",
    "train": "Train a model on a prepared data set, in as many pieces as it takes.",
    "export": "Make an ONNX model, verified, from a trained checkpoint.",
    "fold": "Fold batch normalisation into the layers beside it, and prove the model equal.",
    "prepare": "Turn any audio into the exact wavs that the board program reads.",
    "convert": "Turn the ONNX model into eat_float.sim, eat_fixed.sim and eat.img.",
    "build": "Build the board program with the vendor's SDK.",
    "push": "Copy the program, the model and the wavs to the board.",
    "status": "Show what a board holds: its release, what was cut off, room, and who is at work.",
    "rollback": "Make the release before the current one current again.",
    "gc": "Remove from a board what nothing needs.",
    "run": "Run one clip on the board and show what it says.",
    "bench": "Run every clip on the board several times and time it.",
    "compare-sim": "Hold the stages of the model against each other.",
    "eval": "Measure the model over a whole data set, by any stages, and hold them against each other.",
    "tune": "Choose levels and 8 or 16 bits by convolution: accuracy against size and speed.",
    "sweep": "Time a model at several batch sizes, each held to the answers one by one.",
    "speakers": "Embed the clips of a manifest and measure how well speakers are told apart.",
    "report": "Show runs as one HTML file, Markdown, JUnit XML, CSV or JSON.",
    "serve": "Serve history, trends and what runs now as pages of this machine.",
    "watch": "Show in the terminal what runs now and what ran last.",
    "history": "List, show, compare, tag, remove, export or import saved runs.",
    "explain": "Say why a board answers otherwise than the simulator.",
    "parse": "Turn a pasted serial or telnet log into a table and a run record.",
    "board": "List, add, ask, use, find, forget or simulate boards.",
    "toolchain": "Make a stand-in of the vendor's tools.",
    "sdk": "Make a stand-in of the vendor's board SDK.",
    "doctor": "Say what works on this machine, and what helps where something does not.",
}


class _PipeBroke(Exception):
    """Somebody stopped to read what was written: of stdout that is fine, of anything else a bug of ours."""


class LazyGroup(click.Group):
    """Loads `deployer.cli.<command>` when it is called for, so that `--help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The order of the chain, not of the alphabet."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None for a name we do not have."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"deployer.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Click would end in silence and with 1, which says that a check failed."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as e:
            raise _PipeBroke from e

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command when the one asked for is not there."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            cure = f" Did you mean {near[0]!r}?" if near else " `deploy --help` lists the commands."
            ctx.fail(f"No such command {args[0]!r}.{cure}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The helps held here, without importing a single command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="deploy")
def cli() -> None:
    """From a trained sound classifier to a class id on the board.

    `deploy demo` shows the whole chain without any hardware; `deploy init` starts a project of your own.
    """


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code of what happened (docs/errors.md)."""
    # Loading packages makes many objects that stay: looking through them for garbage costs a quarter of a short
    # command's time.
    collector.set_threshold(100_000, 50, 50)
    code = execute(sys.argv[1:] if argv is None else list(argv))
    if "onnxsim" not in sys.modules:  # which counts whatever is left at the end, and complains of it
        collector.freeze()  # so does looking through them at the end
    sys.exit(code)


def execute(argv: Sequence[str]) -> int:
    """Run the command line; gives the exit code. Only a bug of ours shows a traceback."""
    try:
        with interrupts.handled():
            code = cli.main(args=list(argv), prog_name="deploy", standalone_mode=False)
    except DeployError as e:
        _complain(str(e), e.hint)
        return e.exit_code
    except click.ClickException as e:
        e.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        _complain("interrupted", "")
        return INTERRUPTED
    except _PipeBroke as e:
        if _is_read():
            return _of_ours(e)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left in its buffer
        return 0
    except Exception as e:
        known = of_this_machine(e) if isinstance(e, OSError) else None
        if known is not None:
            _complain(str(known), known.hint)
            return known.exit_code
        return _of_ours(e)
    return code if isinstance(code, int) else 0


def _of_ours(error: Exception) -> int:
    import traceback

    traceback.print_exception(error)
    _complain("this is a bug of deploy itself", "please report it with the lines above")
    return BUG


def _is_read() -> bool:
    """Whether somebody still reads stdout: nobody does where `deploy ... | head` has read enough."""
    asked = select.poll()
    asked.register(sys.stdout.fileno(), 0)
    return not any(said & select.POLLERR for _, said in asked.poll(0))


def _complain(message: str, hint: str) -> None:
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
    if hint:
        click.echo(f"{click.style('hint:', fg='yellow')} {hint}", err=True)
