"""Containers: what run_docker.sh says, how paths map, and a real engine where one is installed."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path, PurePosixPath

import pytest

from tests.toolchain.containers import limits, make_rootfs, needs_podman
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.runtime import Container, Host, Mount, stated_status
from toolchain_wrappers.sigmastar import run_docker

SCRIPTS = Path(__file__).parent / "run_docker"


def test_a_script_with_windows_line_ends_is_read() -> None:
    """Image, variables, mounts and modes, continued lines."""
    found = run_docker.parse(
        (SCRIPTS / "crlf.sh").read_bytes().decode(), folder=Path("/home/a b/docker_v1.8")
    )

    assert "sgs_docker:v1.8" == found.image
    assert (
        Mount(host=Path("/home/a b/docker_v1.8"), inside=PurePosixPath("/work/SGS_V1.8_18.04")),
        Mount(host=Path("/data/audio"), inside=PurePosixPath("/data"), read_only=True),
    ) == found.mounts


def test_a_script_with_quotes_and_sudo_is_read() -> None:
    """`$(pwd)` is the script's folder; options with a value are no image."""
    found = run_docker.parse((SCRIPTS / "plain.sh").read_text(), folder=Path("/opt/sgs"))

    assert "sgs_docker:v1.7" == found.image
    assert (
        Mount(host=Path("/opt/sgs/release tree"), inside=PurePosixPath("/work/SGS_V1.7")),
    ) == found.mounts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo hello\n", "no `docker run`"),
        ("docker run -it $IMAGE bash\n", r"\$IMAGE, which it does not set"),
        ("A=$B\nB=$A\ndocker run $A bash\n", "stand for each other"),
        ("docker run -it --rm\n", "names no image"),
        ("docker run -v data image\n", "not HOST:INSIDE"),
    ],
)
def test_a_script_that_says_nothing_usable_names_the_setting(text: str, words: str) -> None:
    """The cure is the configuration, not the vendor's script."""
    with pytest.raises(ToolchainError, match=words):
        run_docker.parse(text, folder=Path("/opt"))


def test_paths_map_through_the_deepest_mount(tmp_path: Path) -> None:
    """One function from host to container; a path that no mount holds is refused with the mounts named."""
    (tmp_path / "release" / "tools").mkdir(parents=True)
    container = Container(
        engine="docker",
        image="x",
        mounts=(
            Mount(host=tmp_path / "release", inside=PurePosixPath("/work")),
            Mount(host=tmp_path / "release" / "tools", inside=PurePosixPath("/tools"), read_only=True),
        ),
    )

    assert "/work/output" == container.inside(tmp_path / "release" / "output")
    assert "/work" == container.inside(tmp_path / "release")
    assert "/tools/a" == container.inside(tmp_path / "release" / "tools" / "a")
    with pytest.raises(ToolchainError, match=r"does not see .*elsewhere; its mounts: .*:/work"):
        container.inside(tmp_path / "elsewhere")


def test_the_host_changes_nothing(tmp_path: Path) -> None:
    """On the host a command is itself."""
    assert ["bash", "convert.sh"] == Host().wrap(["bash", "convert.sh"], cwd=tmp_path, name="x")
    assert str(tmp_path) == Host().inside(tmp_path) and [] == Host().stop("x")


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Container:
    """A container with one folder of ours."""
    rootfs, work = make_rootfs(tmp_path), tmp_path / "work with blank"
    work.mkdir()
    monkeypatch.setenv("CONTAINERS_CONF", str(limits(tmp_path)))
    return Container(
        engine="podman",
        rootfs=rootfs,
        mounts=(
            Mount(host=Path("/usr"), inside=PurePosixPath("/usr"), read_only=True),
            Mount(host=work, inside=PurePosixPath("/work")),
        ),
        env={"GREETING": "two words"},
        owner="1234:1234",
    )


def _run(container: Container, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    work = container.mounts[1].host
    argv = container.wrap(["bash", "-c", script, "test", *words], cwd=work, name=f"deploy-{uuid.uuid4().hex}")
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


@needs_podman
def test_a_real_container_runs_the_command_as_it_is(container: Container) -> None:
    """Folder, environment, arguments with blanks and quotes, exit status by both ways, and the owner of files."""
    ran = _run(container, 'pwd; printf "%s\\n" "$GREETING" "$@"; touch made; exit 7', "a b", "it's; $HOME")

    assert ["/work", "two words", "a b", "it's; $HOME"] == ran.stdout.splitlines()[:4], ran.stderr
    assert 7 == ran.returncode == stated_status(ran.stdout.splitlines())
    assert 1234 == (container.mounts[1].host / "made").stat().st_uid


@needs_podman
def test_a_container_that_is_stopped_leaves_nothing(container: Container) -> None:
    """Stopped, what it wrote has its owner, and it is gone; once more when it is gone is no error."""
    name = f"deploy-{uuid.uuid4().hex}"
    script = "mkdir out; touch out/half; echo up; sleep 60"
    argv = container.wrap(["bash", "-c", script], cwd=container.mounts[1].host, name=name)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None and "up\n" == running.stdout.readline()
        for _ in range(2):
            for command in container.stop(name):
                subprocess.run(command, capture_output=True, timeout=60, check=False)
        running.wait(timeout=60)
    listed = subprocess.run(
        ["podman", "ps", "--all", "--format", "json"], capture_output=True, text=True, check=True, timeout=60
    )

    assert 1234 == (container.mounts[1].host / "out" / "half").stat().st_uid
    assert name not in {each["Names"][0] for each in json.loads(listed.stdout or "[]")}


def test_a_status_that_was_never_stated_is_none() -> None:
    """Cut off before its last line."""
    assert stated_status(["Run Pack Tool OK."]) is None
    assert 3 == stated_status(["x", "deploy-exit-status: 3", ""])
