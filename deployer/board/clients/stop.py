"""Ending a program on the board with all it has started: TERM first, time to clean up, then KILL.

Whoever ends an IPU program must be patient: a kill in mid-work can hang the IPU until the power is cut. What
belongs to a program is read from /proc, since some servers (dropbear) start commands in the process group of their
own session, which must not be signalled.
"""

GRACE_S = 3
"""How long a program may take to end after TERM."""

FAMILY = r"""
family() {
    all=$(cat /proc/[0-9]*/stat)
    list=" $p "
    again=1
    set -f
    while [ "$again" ]; do
        again=
        IFS='
'
        for line in $all; do
            q=${line%% *}
            case "$list $spare " in *" $q "*) continue ;; esac
            IFS=' '
            set -- ${line##*) }
            case $1 in Z|X) continue ;; esac
            case $list in
                *" $2 "*) ;;
                *) [ "$3" = "$p" ] || continue ;;
            esac
            list="$list$q "
            again=1
        done
    done
    unset IFS
    set +f
}
alive() {
    for q in $list; do
        line=
        read -r line <"/proc/$q/stat" || continue
        case ${line##*) } in Z*|X*) ;; *) return 0 ;; esac
    done
    return 1
}
end() {
    family
    kill -TERM $list
    i=0
    while [ $i -lt $((10 * grace)) ] && alive; do
        if sleep 0.1; then i=$((i + 1)); else sleep 1; i=$((i + 10)); fi
    done
    alive || return 0
    deaf=$list
    family
    kill -KILL $deaf $list
}
"""
"""`family` lists process `$p`, its group where it leads one, and their descendants, but not those in `$spare`.
`end` ends them, waiting up to `$grace` seconds. An old `sleep` knows whole seconds only."""

STOP = (
    FAMILY
    + r"""
p=$1
grace=$2
spare=
exec 2>/dev/null
end
exit 0
"""
)
"""`sh -c STOP sh PID GRACE_S`."""
