"""The loop that runs on the board: one shell script that starts the program again and again and tells how it went.

Nothing is asked of the host between two runs, so distance costs nothing. Each run is a process of its own, started
by `exec`, with its streams passed through as they are; around them the loop writes marks that hold a random token.
Beside the loop waits one watcher, which obeys the host's words on standard input: `end PID` ends a run that is over
its time, gently first; `stop` lets the run under way finish and begins no other; any other says that the host is
there. When that input ends, or nothing comes for a while, the run is ended and the loop with it: nothing outlives
whoever asked for it. The CPU's governor is pinned on the way in and put back on every way out.
"""

from __future__ import annotations

from deployer.board.clients.stop import FAMILY

RESTORE = r"""
restore() {
    set -- $pinned
    pinned=
    while [ $# -gt 1 ]; do
        echo "$2" >"$1"
        shift 2
    done
}
"""
"""Writes `$pinned` (NODE VALUE ...) back: no node of a governor has blanks in its path."""

_WATCHER = r"""
began() { set -- ${1##*) }; shift 19; began=$1; }
ours() {
    stat=
    read -r stat </proc/$$/stat && began "$stat" && [ "$began" = "$first" ]
}
child() {
    p=
    for f in /proc/[0-9]*/stat; do
        line=
        read -r line <"$f" || continue
        set -- ${line##*) }
        [ "$2" = "$$" ] && [ "${line%% *}" != "$me" ] && p=${line%% *}
    done
}
finish() { spare=" $me "; end; }
over() {
    tries=0
    while [ $tries -lt 5 ] && ours; do
        kill -USR1 $$
        child
        if [ "$p" ]; then finish; else sleep 1; fi
        tries=$((tries + 1))
    done
}
obey() {
    case $1 in
        stop) ours && kill -USR1 $$ ;;
        end)
            line=
            read -r line <"/proc/$2/stat" || return
            p=$2
            set -- ${line##*) }
            [ "$2" = "$$" ] && finish
            ;;
    esac
}
watch() {
    due=
    trap '' HUP PIPE
    trap - USR1
    trap 'due=1' TERM
    exec >/dev/null 4>&-
    read -r me x </proc/self/stat
    read -r -t 1 x </dev/null
    if [ $? = 1 ]; then
        while [ -z "$due" ] && read -r -t "$limit" word pid x <&3; do obey "$word" "$pid"; done
    else
        (trap - TERM; sleep "$total"; [ $? = 0 ] && over) &
        timer=$!
        while [ -z "$due" ] && read -r word pid x <&3; do obey "$word" "$pid"; done
        p=$timer spare=
        end
    fi
    [ "$due" ] || over
}
"""
"""A `read` without time limits (dash) leaves a `sleep` beside it as the clock, for the whole loop. TERM, by which
the loop dismisses the watcher, waits for what it is doing; where `read` misses it the end of input follows."""

_NODES = r"""
heat_node= freq_node= ipu_node=
for f in /sys/class/thermal/thermal_zone0/temp /sys/class/mstar/msys/TEMP_R; do [ -r "$f" ] && heat_node=$f; done
for f in /sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq \
    /sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq; do [ -r "$f" ] && freq_node=$f; done
for f in /sys/dla/clk_rate /sys/dla/freq; do [ -r "$f" ] && ipu_node=$f; done
state() {
    up= load= free= heat= freq= ipu=
    read -r up x </proc/uptime
    read -r load x </proc/loadavg
    while read -r k v x; do
        case $k in MemAvailable:) free=$v; break ;; Buffers:) break ;; esac
    done </proc/meminfo
    [ "$heat_node" ] && read -r heat <"$heat_node"
    [ "$freq_node" ] && read -r freq <"$freq_node"
    [ "$ipu_node" ] && read -r ipu <"$ipu_node"
}
pin() {
    for f in /sys/devices/system/cpu/cpufreq/policy*/scaling_governor \
        /sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor; do
        was= is=
        [ -r "$f" ] && read -r was <"$f" && [ "$was" != "$governor" ] || continue
        echo "$governor" >"$f" && read -r is <"$f"
        [ "$is" = "$governor" ] && pinned="$pinned $f $was"
        echo "@$token governor $f $was ${is:--}"
    done
}
"""
"""What is read after each run: one line of each node, by the shell itself, so that it costs no process."""

LOOP = (
    FAMILY
    + RESTORE
    + _WATCHER
    + _NODES
    + r"""
token=$1 limit=$2 total=$3 grace=$4 governor=$5 i=$6 last=$7 hole=$8
shift 8
dir_a=$1 words_a=$2 dir_b=$3 words_b=$4
shift 4
while [ "$1" != -- ]; do export "$1"; shift; done
shift
exec 3<&0 4>&2 </dev/null 2>/dev/null
boot= up= lines= stat= stamped= pinned= stop= hit=
trap '' HUP PIPE
trap 'stop=1 hit=1' USR1
trap 'restore; exit 143' TERM
read -r boot </proc/sys/kernel/random/boot_id
read -r up x </proc/uptime
read -r stat </proc/$$/stat
read -r stamped </sys/module/printk/parameters/time
[ "$stamped" = Y ] || lines=$(dmesg | wc -l)
began "$stat"
first=$began
say() { echo "@$token $*" >&4; echo "@$token $*"; }
say open $$ "${boot:--}" "${up:--}" "${lines:--}"
watch &
w=$!
exec 3<&-
[ "$governor" = - ] || pin
launch() {
    trap - HUP PIPE USR1 TERM
    cd -- "$1" 2>&4 || exit 1
    clip=$3
    set -f
    IFS='
'
    set -- $2
    unset IFS
    set +f
    n=$#
    while [ $n -gt 0 ]; do
        word=$1
        shift
        [ "$word" = "$hole" ] && word=$clip
        set -- "$@" "$word"
        n=$((n - 1))
    done
    me= up=
    read -r me x </proc/self/stat
    read -r up x </proc/uptime
    say begin $i $me "${up:--}" "${EPOCHREALTIME:--}"
    exec "$@" 2>&4 4>&-
}
while [ -z "$stop" ]; do
    for item; do
        [ -z "$stop" ] && [ "$i" -lt "$last" ] || break 2
        case $item in
            a*) launch "$dir_a" "$words_a" "${item#??}" ;;
            *) launch "$dir_b" "$words_b" "${item#??}" ;;
        esac &
        p=$!
        wait $p
        s=$?
        now=${EPOCHREALTIME:--}
        while [ "$hit" ]; do
            hit=
            wait $p
            t=$?
            [ $t = 127 ] || s=$t
        done
        state
        echo "
@$token end $i" >&4
        echo "
@$token end $i $s $now|$up|$load|$free|$heat|$freq|$ipu"
        i=$((i + 1))
    done
done
restore
say close
kill $w
wait $w
exit 0
"""
)
"""`sh -c LOOP sh TOKEN SILENCE_S TOTAL_S GRACE_S GOVERNOR FIRST LAST HOLE DIR_A WORDS_A DIR_B WORDS_B
[NAME=VALUE...] -- ITEM...`

Runs FIRST to LAST - 1, around and around the items. An item is `a:` or `b:` and a clip; the words (a line each) are
the program's argument vector, in which the word HOLE becomes the clip. A governor `-` is left alone.
"""

PUT_BACK = "exec 2>/dev/null\npinned=$*\n" + RESTORE + "restore\nexit 0\n"
"""`sh -c PUT_BACK sh NODE VALUE ...`: for a loop that could not do it by itself."""
