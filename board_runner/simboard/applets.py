"""The few applets whose host versions would tell of the host and not of the board."""

from __future__ import annotations

from pathlib import Path

DF = r"""#!/bin/sh
# Use of the board's own files against its declared flash, as BusyBox prints it (1K-blocks).
r=$SGS_ROOT
used=$(du -sk --exclude=.simboard --exclude="$r/proc" --exclude="$r/sys" "$r" 2>/dev/null |
    { read -r kib rest; echo "$kib"; })
free=$((SGS_FLASH_KIB - used)); [ "$free" -ge 0 ] || free=0
shown=0
printf '%-20s %9s %9s %9s %s %s\n' Filesystem 1K-blocks Used Available Use% 'Mounted on'
line() {
    printf '%-20s %9d %9d %9d %3d%% %s\n' ubi0:customer "$SGS_FLASH_KIB" "$used" "$free" \
        $(((100 * used + SGS_FLASH_KIB - 1) / SGS_FLASH_KIB)) /customer
}
for path in "$@"; do
    case $path in -*) continue ;; esac
    shown=1
    if [ -e "$path" ]; then line; else echo "df: $path: can't find mount point" >&2; exit 1; fi
done
[ $shown = 1 ] || line
"""

DMESG = r"""#!/bin/sh
# The board's kernel log: what programs on it left in $SGS_KMSG.
exec cat "$SGS_KMSG"
"""

APPLETS = {"df": DF, "dmesg": DMESG}


def install(folder: Path) -> None:
    """Put the applets into `folder`, which goes first on the board's PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in APPLETS.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
