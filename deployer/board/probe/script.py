"""The one command that asks a board about itself, in the plainest shell: its applets may be few and old."""

PROBED = (
    "sha256sum",
    "md5sum",
    "base64",
    "timeout",
    "stat",
    "tar",
    "wc",
    "sync",
    "df",
    "dmesg",
    "python3",
    "scp",
    "od",
    "dd",
    "setsid",
)
"""Programs whose presence decides how we work with a board."""

LOADERS = (
    "/lib/ld-*.so*",
    "/lib/ld.so.*",
    "/lib64/ld-*.so*",
    "/lib32/ld-*.so*",
    "/lib/*/ld-*.so*",
    "/usr/lib/ld-*.so*",
)
FREQUENCIES = (
    "/sys/dla/freq",
    "/sys/dla/clk_rate",
    "/proc/mi_modules/mi_ipu/debug_hal/freq",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
)

FIXED = (
    "machine",
    "kernel",
    "model",
    "chip_id",
    "soc_machine",
    "soc_family",
    "busybox",
    "loaders",
    "shell_elf",
)
"""The sections that hold until the next boot; a board whose boot id we know leaves them out."""

OWNERS = r"""
owned=
for f in /dev/mi_* /dev/mi/*; do [ -e "$f" ] && owned=1; done
[ "$owned" ] && ls -l /proc/[0-9]*/fd | while read -r l; do
    case $l in
        /proc/*) o=${l#/proc/}; o=${o%%/*} ;;
        *"-> /dev/mi"[_/]*) c=; read -r c </proc/$o/comm; echo "$o ${l##*-> } $c" ;;
    esac
done
"""
"""A line `PID NODE NAME` for each of the vendor's device nodes that a process has open."""

SCRIPT = (
    r"""
known=$1
shift
exec 2>/dev/null
show() { echo "@$1"; shift; "$@"; echo; }
lines() {
    echo "@$1"
    [ -r "$2" ] && while read -r l || [ -n "$l" ]; do echo "$l"; done <"$2"
    echo
}
boot=
read -r boot </proc/sys/kernel/random/boot_id
echo "@boot_id
$boot"
if [ -z "$boot" ] || [ "$boot" != "$known" ]; then
    show machine uname -m
    show kernel uname -r
    show model cat /proc/device-tree/model
    lines chip_id /sys/class/mstar/msys/CHIP_ID
    lines soc_machine /sys/devices/soc0/machine
    lines soc_family /sys/devices/soc0/family
    echo @busybox
    busybox | { read -r l; echo "$l"; }
    echo @loaders
    for f in LOADERS; do [ -e "$f" ] && echo "$f"; done
    echo @shell_elf
    head() { dd if=/proc/self/exe bs=64 count=1; }
    h=$(head | od -An -v -tx1)
    [ "$h" ] || h=$(head | hexdump -v -e '1/1 "%02x "')
    [ "$h" ] || h=$(head | xxd -p)
    if [ "$h" ]; then echo $h; else head | cmp -l - /dev/zero; fi
fi
lines uptime /proc/uptime
lines meminfo /proc/meminfo
lines mounts /proc/mounts
show date date +%s
lines temp_r /sys/class/mstar/msys/TEMP_R
lines thermal /sys/class/thermal/thermal_zone0/temp
n=0
for d in "$@"; do
    e=$d
    while [ -n "$e" ] && [ ! -d "$e" ]; do e=${e%/*}; done
    w=-
    [ -w "${e:-/}" ] && w=w
    echo "@place$n
$d
$w ${e:-/}"
    df -k "${e:-/}"
    n=$((n + 1))
done
echo @frequencies
for f in FREQUENCIES; do
    l=
    [ -r "$f" ] && read -r l <"$f" && echo "$f $l"
done
echo @modules
[ -r /proc/modules ] && while read -r l x; do case $l in mi_*) echo "$l" ;; esac; done </proc/modules
echo @nodes
for f in /dev/mi_ipu* /dev/mi/ipu*; do [ -e "$f" ] && echo "$f"; done
echo @owners
OWNERS
echo @applets
for a in PROBED; do command -v $a >/dev/null && echo $a; done
exit 0
""".replace("PROBED", " ".join(PROBED))
    .replace("OWNERS", OWNERS.strip())
    .replace("LOADERS", " ".join(LOADERS))
    .replace("FREQUENCIES", " ".join(FREQUENCIES))
)
"""`sh -c SCRIPT sh BOOT_ID DIRECTORY...`: a section after each `@name` line."""
