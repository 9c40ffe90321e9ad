# Waits until the process that holds the other end of the standard input is gone, in whatever way. Then it ends every
# process that works in the directory $1, first with the signal $2, and removes the directory $3.
trap '' HUP INT TERM
while read -r _; do :; done

all() {
    for process in /proc/[0-9]*; do
        if [ "$(readlink "$process/cwd")" = "$1" ]; then
            echo "${process#/proc/}"
        fi
    done 2>/dev/null
}

signal=$2
tries=0
while pids=$(all "$1") && [ -n "$pids" ]; do
    for pid in $pids; do
        kill -s "$signal" "$pid"
        kill -s CONT "$pid"
    done 2>/dev/null
    tries=$((tries + 1))
    [ "$tries" -lt 2 ] || signal=KILL
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ -n "$(all "$1")" ] || break
        sleep 0.05
    done
done
rm -rf "$3"
