"""The pytest plugin on a simulated board: what a team writes, and what it reads when a test fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.history import History
from tests.fleet.rack import CLIPS, project, rack

PLUGIN = ("-p", "deployer.pytest_plugin", "-p", "no:cacheprovider", "-W", "error")
HEAVY = (
    "numpy",
    "paramiko",
    "msgspec",
    "click",
    "rich",
    "onnx",
    "sqlite3",
    "board_runner",
    "deployer.testing",
)


@pytest.fixture(autouse=True)
def _no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one under test is named: an installed deploy would bring it a second time."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture
def simulated(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A project with one simulated board, which answers class 32 after 57.121 ms to everything; gives its name."""
    monkeypatch.setenv("DEPLOY_STATE_DIR", str(pytester.path / "state"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with rack(1) as places:
        boards = [place.config for place in places]
        project(pytester.path, boards)
        yield boards[0].name


def test_a_team_runs_and_benches_its_board(pytester: pytest.Pytester, simulated: str) -> None:
    """Push, a clip, a bench, and assertions that hold; everything measured is in the history."""
    pytester.makepyfile(
        f"""
        def test_one_clip(board):
            ran = board.run("{CLIPS[0]}")
            assert (32, "32 keyboard_typing") == (ran.class_id, ran.label)
            assert (57.121, 0.181) == (ran.invoke_ms, ran.post_process_ms)

        def test_all_clips(board):
            assert board.push().sent == ()
            done = board.bench(runs=2)
            done.assert_latency(median_ms_at_most=60, max_ms_at_most=60)
            done.assert_latency(median_ms_at_most=60, clip="{CLIPS[1]}")
            done.assert_accuracy(at_least=0.5)
            assert {{4}} == {{len(done.record.counted)}}
        """
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "--board", simulated)

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines([f"deploy: board {simulated}"])
    assert ["bench", "run"] == [item.kind for item in History(pytester.path / ".deploy/runs").find()]


def test_a_failed_assertion_explains_itself(pytester: pytest.Pytester, simulated: str) -> None:
    """The figure, the limit, the clips behind it, and the command that shows the rest; no lines of ours."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="session")
        def done(board):
            return board.bench(runs=1)

        def test_latency(done):
            done.assert_latency(median_ms_at_most=50)

        def test_accuracy(done):
            done.assert_accuracy(at_least=0.9)
        """
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "--board", simulated, "--deploy-config", "deploy.yaml")

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*2 runs of 2 clips: the median invoke time is 57.121 ms, at most 50 asked",
            f"*{CLIPS[0]}: median 57.121 ms",
            "*deploy report *-bench-*",
            "*accuracy: 1 of 2 clips right (50%), at least 90% asked",
            f"*{CLIPS[1]}: 32 keyboard_typing, should be 39 glass_breaking",
        ]
    )
    result.stdout.no_fnmatch_line("*def assert_latency*")


def test_what_the_board_refuses_is_shown_with_its_hint(pytester: pytest.Pytester, simulated: str) -> None:
    """The errors are those of the commands, and tests may expect them."""
    pytester.makepyfile(
        """
        import pytest
        from board_runner.errors import UsageError

        def test_unknown(board):
            board.run("none.wav")

        def test_expected(board):
            with pytest.raises(UsageError):
                board.run("none.wav")

        def test_without_a_limit(board):
            with pytest.raises(ValueError):
                board.bench(runs=1).assert_latency()
        """
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "--board", simulated)

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*no clip 'none.wav'*", f"*hint: there are: {CLIPS[0]}*"])


def test_without_a_board_tests_are_skipped_with_the_reason(pytester: pytest.Pytester) -> None:
    """A team's suite stays green at a desk without hardware, and says what it left out."""
    pytester.makepyfile("def test_board(board): raise SystemExit('never')\ndef test_other(): pass")
    result = pytester.runpytest_subprocess(*PLUGIN, "-rs")

    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*no board named: pytest --board NAME*"])


def test_a_board_that_nobody_knows_is_an_error_and_no_skip(pytester: pytest.Pytester) -> None:
    """Asked for a board, the suite does not go green without it."""
    pytester.makepyfile("def test_board(board): pass")
    (pytester.path / "deploy.yaml").write_text("boards: {desk: {host: 127.0.0.1}}\n")
    result = pytester.runpytest_subprocess(*PLUGIN, "--board", "a b")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*'a b' is not the address of a board*"])


def test_pytest_starts_without_anything_heavy(pytester: pytest.Pytester) -> None:
    """Whoever has deploy installed pays nothing for the plugin before a test asks for a board."""
    pytester.makepyfile(
        f"""
        import sys

        def test_modules():
            assert [] == [name for name in {HEAVY} if name in sys.modules]
            assert "deployer.pytest_plugin" in sys.modules
        """
    )
    result = pytester.runpytest_subprocess(*PLUGIN)

    result.assert_outcomes(passed=1)


def test_the_package_names_the_plugin() -> None:
    """An installed deploy is found by pytest on its own."""
    import tomllib

    packaged = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert {"deploy": "deployer.pytest_plugin"} == packaged["project"]["entry-points"]["pytest11"]
