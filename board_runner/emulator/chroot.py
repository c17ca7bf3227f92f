"""A root as a board on this machine's own kernel: chroot, with mounts and processes of its own. Needs root."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from board_runner.emulator.roots import Root
from board_runner.emulator.usermode import OWN_USERS, user_mode

_DEVICES = "null:1:3 zero:1:5 random:1:8 urandom:1:9 tty:5:0"

# Everything happens in a mount namespace that goes with its last process: nothing is left to take down. In a user
# namespace (for ARM code) no device can be made, so this machine's are lent; and ports below 1024 belong to the
# network's owner, which that namespace is not.
_ENTER = r"""
set -e
root=$1 name=$2 customer=$3 tmp_kib=$4 customer_kib=$5 interpreter=$6
shift 6
hostname "$name"
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o "size=${tmp_kib}k,mode=1777" tmp "$root/tmp"
if [ -n "$customer" ]; then mount --bind "$customer" "$root/customer"
else mount -t tmpfs -o "size=${customer_kib}k,mode=755" customer "$root/customer"; fi
mount -t tmpfs -o mode=755,size=64k dev "$root/dev"
for device in DEVICES; do
    node=${device%%:*} numbers=${device#*:}
    if [ -z "$interpreter" ]; then
        mknod -m 666 "$root/dev/$node" c "${numbers%:*}" "${numbers#*:}"
    else
        : >"$root/dev/$node"
        mount --bind "/dev/$node" "$root/dev/$node"
    fi
done
mkdir "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
if [ -n "$interpreter" ]; then
    mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    printf %s "$interpreter" >/proc/sys/fs/binfmt_misc/register
fi
mount -o remount,bind,ro "$root"
exec chroot "$root" "$@"
""".replace("DEVICES", _DEVICES)

_OPEN_PORTS = "echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start\n"


def chroot_argv(
    root: Root,
    command: Sequence[str] | None = None,
    *,
    name: str = "board",
    customer: Path | None = None,
    customer_kib: int = 3072,
    tmp_kib: int = 48_580,
    own_network: bool = False,
) -> list[str]:
    """A command that runs `command` (without one: the SSH server) in `root` as on a board; run it as root.

    The root is read-only, `/tmp` a tmpfs of `tmp_kib`, `/customer` the folder `customer` or else a tmpfs of
    `customer_kib`; processes and host name are the board's own. Killing the command ends all the board's
    processes. Put `ip netns exec NAME` before it for a network of its own, and say `own_network`: ports below
    1024 are opened there. A root of another machine is run by QEMU's user mode, which needs qemu-user-static and
    Linux 6.7. Raises EmulatorError.
    """
    inside = root.server() if command is None else list(command)
    spaces = ["--mount", "--uts", "--pid", "--fork", "--kill-child"]
    where = [str(root.folder.resolve()), name, str(customer.resolve()) if customer else ""]
    sizes = [str(tmp_kib), str(customer_kib)]
    mode = user_mode(root.arch)
    interpreter = "" if mode is None else mode.registration()
    argv = ["unshare", *spaces, "sh", "-c", _ENTER, "sh", *where, *sizes, interpreter, *inside]
    return (
        argv if mode is None else ["sh", "-c", (_OPEN_PORTS if own_network else "") + OWN_USERS, "sh", *argv]
    )
