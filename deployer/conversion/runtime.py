"""From the settings to where the tools run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from deployer.errors import ConfigError
from deployer.settings.config import Deployment, RuntimeSection
from toolchain_wrappers.runtime import Container, Host, Mount, Runtime, host_owner
from toolchain_wrappers.sigmastar import run_docker


def runtime_of(
    section: RuntimeSection, deployment: Deployment, folders: Sequence[Path], *, key: str = "toolchain"
) -> Runtime:
    """The host, or a container as the section `key` of deploy.yaml and the vendor's run_docker.sh describe it.

    Of `folders` those that no mount holds are seen under their own paths. Raises ConfigError for a container
    without an image.
    """
    if section.runtime == "host":
        return Host()
    image, mounts = section.image, [_mount(text, deployment, key) for text in section.mounts]
    if section.docker_dir is not None:
        folder = deployment.resolve(section.docker_dir)
        script = folder / "run_docker.sh"
        if not script.is_file():
            raise ConfigError(f"no {script}", hint=f"{key}.docker_dir is the folder that holds run_docker.sh")
        said = run_docker.parse(script.read_bytes().decode("utf-8", "replace"), folder=folder)
        image = image or said.image
        mounts = mounts or list(said.mounts)
    if image is None and section.rootfs is None:
        raise ConfigError(
            f"{key}.runtime is {section.runtime}, but no image is named",
            hint=f"set {key}.image, or {key}.docker_dir to the folder with the vendor's run_docker.sh",
        )
    state = deployment.state_dir.resolve()
    seen = [mount.host.resolve() for mount in mounts]
    for needed in (*(folder.resolve() for folder in folders), state):
        if not any(needed.is_relative_to(host) for host in seen):
            mounts.append(Mount(host=needed, inside=PurePosixPath(needed.as_posix())))
    state.mkdir(parents=True, exist_ok=True)
    return Container(
        engine=section.runtime,
        image=image or "",
        rootfs=deployment.resolve(section.rootfs) if section.rootfs is not None else None,
        mounts=tuple(mounts),
        options=section.options,
        owner=_owner(section.runtime),
    )


def _owner(engine: str) -> str | None:
    """Who should own what the tools write: rootless podman sees to that itself, and root is root anyway."""
    return None if os.getuid() == 0 or engine == "podman" else host_owner()


def _mount(text: str, deployment: Deployment, key: str) -> Mount:
    host, _, rest = text.partition(":")
    inside, _, mode = rest.partition(":")
    if not host or not inside.startswith("/") or mode not in ("", "ro", "rw"):
        raise ConfigError(f"{key}.mounts: {text!r}", hint="HOST:/INSIDE or HOST:/INSIDE:ro")
    return Mount(host=deployment.resolve(Path(host)), inside=PurePosixPath(inside), read_only=mode == "ro")
