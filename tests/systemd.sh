#!/usr/bin/env bash
# Installs the service under a systemd of its own and shows that it starts, survives kill -9, reloads, stops, refuses a
# broken configuration, and that its journal can be read.
#
# usage: tests/systemd.sh PROGRAM
#
# The systemd is a real one, process 1 of new namespaces (processes, mounts, network, cgroups), with copies of /etc and
# empty folders in place of /usr/local, /var/lib and the like: nothing on the machine itself changes, and everything is
# gone when the script ends. Where that cannot be had it prints `skipped: ` with the reason and exits 0.
set -euo pipefail

skip() {
    echo "skipped: $*"
    exit 0
}

# --- inside: becomes process 1 ---------------------------------------------------------------------------------------

boot() { # CGROUPS: "unified" or "hybrid", SCRATCH: an empty folder
    mount --make-rprivate /
    mount -t proc proc /proc
    mount -o bind,ro /proc/sys /proc/sys
    # Copies and empty folders in place of what an installation writes to.
    local scratch=$2 folder name
    mount -t tmpfs -o mode=755 tmpfs "$scratch"
    cp -a /etc "$scratch/etc"
    rm -rf "$scratch"/etc/systemd/system/* "$scratch/etc/skyeye"
    mount --bind "$scratch/etc" /etc
    for folder in /run /usr/local /var/lib /var/log /var/cache; do
        mount -t tmpfs -o mode=755 tmpfs "$folder"
    done
    mkdir -p /usr/local/bin /run/lock /var/log/journal
    # Devices: systemd makes links and sockets there.
    mkdir "$scratch/dev"
    mount -t tmpfs -o mode=755 tmpfs "$scratch/dev"
    for name in null zero full random urandom tty; do
        touch "$scratch/dev/$name"
        mount --bind "/dev/$name" "$scratch/dev/$name"
    done
    mkdir "$scratch/dev/pts" "$scratch/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$scratch/dev/pts"
    ln -s pts/ptmx "$scratch/dev/ptmx"
    mount --move "$scratch/dev" /dev
    mount -t tmpfs tmpfs /dev/shm
    if [[ $1 == unified ]]; then
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
    else
        mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
        mkdir /sys/fs/cgroup/{systemd,unified}
        mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
        mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
    fi
    ip link set lo up 2>/dev/null || true
    hostname skyeye-test

    # Of the machine's own units only the journal and the targets that lie between it and a service.
    mkdir /run/units /run/no-generators
    for name in basic sysinit sockets multi-user network network-online shutdown umount final sysinit local-fs paths \
        timers slices; do
        cp "/usr/lib/systemd/system/$name.target" /run/units/
    done
    cp /usr/lib/systemd/system/systemd-journald{.service,.socket,-dev-log.socket} /run/units/
    mkdir /run/units/sockets.target.wants
    ln -s ../systemd-journald.socket ../systemd-journald-dev-log.socket /run/units/sockets.target.wants/

    exec env -i container=skyeye-test PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin \
        SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/units SYSTEMD_GENERATOR_PATH=/run/no-generators \
        /usr/lib/systemd/systemd --system --unit=multi-user.target --show-status=false --log-target=journal \
        </dev/null >/dev/null 2>&1
}

if [[ ${1:-} == --boot ]]; then
    boot "$2" "$3"
fi

# --- outside ---------------------------------------------------------------------------------------------------------

[[ $# == 1 && -x $1 ]] || {
    echo "usage: tests/systemd.sh PROGRAM" >&2
    exit 64
}
PROGRAM=$(realpath "$1")
SELF=$(realpath "${BASH_SOURCE[0]}")
ROOT=$(dirname "$(dirname "$SELF")")

((EUID == 0)) || skip "a systemd of one's own needs root"
[[ -x /usr/lib/systemd/systemd ]] || skip "systemd is not installed"
for tool in unshare nsenter systemctl journalctl ip; do
    command -v "$tool" >/dev/null || skip "$tool is not installed"
done
unshare --mount --pid --fork --ipc --uts --net --cgroup true 2>/dev/null || skip "namespaces cannot be made here"

# Groups of our own, so that the systemd inside manages those below them and no others.
CGROUPS=hybrid
[[ $(stat -fc %T /sys/fs/cgroup) != cgroup2fs ]] || CGROUPS=unified
GROUPS_MADE=()
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    if [[ -f $hierarchy/cgroup.procs ]]; then
        mkdir "$hierarchy/skyeye-test-$$" 2>/dev/null || skip "cgroups cannot be made here ($hierarchy)"
        GROUPS_MADE+=("$hierarchy/skyeye-test-$$")
    fi
done

INIT=
SCRATCH=$(mktemp -d)
LOG=$(mktemp)
clean_up() {
    local group
    rm -f "$LOG"
    # Process 1 of the namespace takes everything in it along.
    [[ -z $INIT ]] || kill -KILL "$INIT" 2>/dev/null || true
    wait 2>/dev/null || true
    rmdir "$SCRATCH" || true
    for group in "${GROUPS_MADE[@]}"; do
        for _ in $(seq 20); do
            find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
            [[ -d $group ]] || break
            sleep 0.1
        done
    done
}
trap clean_up EXIT
trap 'exit 130' INT TERM

(
    for group in "${GROUPS_MADE[@]}"; do echo "$BASHPID" >"$group/cgroup.procs"; done
    exec unshare --mount --pid --fork --ipc --uts --net --cgroup bash "$SELF" --boot "$CGROUPS" "$SCRATCH"
) 2>/dev/null &
UNSHARE=$!

inside() { nsenter --target "$INIT" --mount --pid --ipc --uts --net --cgroup -- "$@"; }

eventually() { # SECONDS, COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

find_init() {
    INIT=$(cat "/proc/$UNSHARE/task/$UNSHARE/children" 2>/dev/null | tr -d ' ')
    [[ -n $INIT ]] && [[ $(cat "/proc/$INIT/comm") == systemd ]]
}
eventually 10 find_init || skip "systemd does not boot in a namespace here"
eventually 20 inside systemctl is-active --quiet multi-user.target || skip "systemd does not come up in a namespace here"

PASSED=0
check() { # WHAT, COMMAND...
    local what=$1
    shift
    if "$@"; then
        echo "ok    $what"
        PASSED=$((PASSED + 1))
    else
        echo "FAILED $what"
        echo "--- the service's journal:"
        inside journalctl -u skyeye --no-pager -n 40 || true
        inside systemctl status skyeye --no-pager -n 0 || true
        exit 1
    fi
}
property() { inside systemctl show skyeye --property "$1" --value; }
is() { # PROPERTY, VALUE
    [[ $(property "$1") == "$2" ]]
}
active_again() { # FORMER PID
    is ActiveState active && ! is MainPID "$1"
}
journal_has() { inside journalctl -u skyeye --no-pager -o cat | grep -q -- "$1"; }
not() { ! "$@"; }
runs_as() { # USER: of the service's process, seen from inside
    [[ $(inside ps -o user= -p "$(property MainPID)" | tr -d ' ') == "$1" ]]
}
alive() { inside bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080 && printf "GET /healthz HTTP/1.0\r\n\r\n" >&3 && head -n 1 <&3' | grep -q ' 200 '; }
install() { inside env SKYEYE_PROGRAM="$PROGRAM" "$ROOT/deploy/install.sh" >"$LOG" 2>&1 || { cat "$LOG" && false; }; }

check "install.sh installs and starts it" install
check "it said that it is ready" is ActiveState active
check "it runs as its own user" runs_as skyeye
check "its data is its own" test "$(inside stat -c '%U %a' /var/lib/skyeye)" = "skyeye 700"
check "it answers on its port" eventually 5 alive
check "its journal is readable" eventually 5 journal_has .
if compgen -G "$ROOT/.cache/models/*.onnx" >/dev/null; then
    check "its sandbox lets it load its detector" eventually 20 journal_has "looking.*workers"
fi

pid=$(property MainPID)
inside kill -KILL "$pid"
check "after kill -9 it is back within 5 s" eventually 5 active_again "$pid"
check "and answers" eventually 5 alive
check "counted as one restart" is NRestarts 1

pid=$(property MainPID)
check "reload of a good configuration" inside systemctl reload skyeye
inside cp -p /etc/skyeye/skyeye.toml /etc/skyeye/good.toml
inside bash -c 'printf "\n[web]\nlisten = 5\nnonsense = true\n" >>/etc/skyeye/skyeye.toml'
check "reload of a broken one is refused" not inside systemctl reload skyeye 2>/dev/null
check "and it goes on as it was" is MainPID "$pid"
check "and the journal names the file" eventually 5 journal_has /etc/skyeye/skyeye.toml

check "stop" inside systemctl stop skyeye
check "was a clean end" is Result success
check "with exit code 0" is ExecMainStatus 0

inside systemctl start skyeye 2>/dev/null || true
check "a start on the broken configuration ends with 64" eventually 10 is ExecMainStatus 64
sleep 3
check "and is not tried for ever" is ActiveState failed

inside mv /etc/skyeye/good.toml /etc/skyeye/skyeye.toml
inside bash -c 'echo "# of this site" >>/etc/skyeye/skyeye.toml'
check "installing again upgrades and starts" install
check "and leaves the configuration" inside grep -q "# of this site" /etc/skyeye/skyeye.toml
check "and it answers" eventually 5 alive

echo "systemd: $PASSED checks passed"
