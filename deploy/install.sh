#!/usr/bin/env bash
# Installs skyeye as a system service, or upgrades it, from an unpacked bundle or from a built source tree.
#
# usage: install.sh [--no-start]
#
# Run as root on Debian 12. Nothing is fetched: the bundle brings the Debian packages that are missing. What is already
# there stays: configuration, secrets and data are never overwritten, and the former program is kept as
# /usr/local/lib/skyeye/skyeye.previous, to go back to.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CONFIG=/etc/skyeye
DATA=/var/lib/skyeye
LIBRARY=/usr/local/lib/skyeye
DOCUMENTS=/usr/local/share/doc/skyeye
UNIT=/etc/systemd/system/skyeye.service
START=1

say() { echo "==> $*"; }
fail() { # WHY, WHAT TO DO
    printf 'install.sh: %s\n    what to do: %s\n' "$1" "$2" >&2
    exit 1
}

# Where the parts lie: in a bundle all beside this script, in a source tree where the set-up put them.
if [[ -f $HERE/SHA256SUMS ]]; then
    PROGRAM=$HERE/bin/skyeye RUNTIME=$HERE/lib WEIGHTS=$HERE/models
    FILES=$HERE REFERENCE=$HERE/config LICENCE=$HERE/LICENSE PACKAGES=$HERE/packages
else
    ROOT=$(dirname "$HERE")
    PROGRAM=${SKYEYE_PROGRAM:-${CARGO_TARGET_DIR:-$ROOT/target}/release/skyeye}
    RUNTIME=$ROOT/.cache/onnxruntime WEIGHTS=$ROOT/.cache/models
    FILES=$HERE REFERENCE=$ROOT/config LICENCE=$ROOT/LICENSE PACKAGES=
fi

check_before() {
    ((EUID == 0)) || fail "installing needs root" "sudo $0"
    command -v systemctl >/dev/null || fail "there is no systemd here" "see README.md for running it without"
    if [[ -f $HERE/SHA256SUMS ]]; then
        say "checking the bundle"
        (cd "$HERE" && sha256sum --check --quiet --strict SHA256SUMS) ||
            fail "the bundle is damaged (above)" "copy it again and compare its sha256 with the one beside it"
    fi
    [[ -x $PROGRAM ]] || fail "there is no program at $PROGRAM" "run: make bundle, or cargo build --release --locked"
    [[ -f $RUNTIME/libonnxruntime.so ]] || fail "there is no ONNX Runtime at $RUNTIME" "run: deploy/setup.sh fetch"
}

# The bundle's folder serves as the only package source: apt takes from it what is missing and what that needs.
install_packages() {
    [[ -n $PACKAGES && -d $PACKAGES ]] || return 0
    command -v apt-get >/dev/null || fail "the bundle's packages are Debian's" "install GStreamer 1.22 by other means"
    local wanted missing=() package scratch log=/var/log/skyeye-install.log
    mapfile -t wanted <"$PACKAGES/WANTED"
    for package in "${wanted[@]}"; do
        # shellcheck disable=SC2016  # dpkg-query expands it
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    if ((${#missing[@]} == 0)); then
        say "Debian packages: all there"
        return
    fi
    say "Debian packages: installing ${missing[*]} and what they need"
    scratch=$(mktemp -d)
    mkdir -p "$scratch/lists/partial" "$scratch/archives/partial"
    # Trusted: SHA256SUMS has just been checked, and covers the index and the packages.
    echo "deb [trusted=yes] file:$PACKAGES ./" >"$scratch/sources.list"
    local apt=(
        apt-get -q -y -o DPkg::Lock::Timeout=300 -o APT::Sandbox::User=root
        -o Dir::Etc::SourceList="$scratch/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o Dir::State::Lists="$scratch/lists" -o Dir::Cache::Archives="$scratch/archives"
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
    )
    if ! { "${apt[@]}" update && DEBIAN_FRONTEND=noninteractive "${apt[@]}" install --no-install-recommends \
        "${missing[@]}"; } >"$log" 2>&1; then
        rm -rf "$scratch"
        fail "apt-get failed: $(grep -m 3 '^E:' "$log" | tr '\n' ' ')" "read $log"
    fi
    rm -rf "$scratch"
}

make_user() {
    if ! getent passwd skyeye >/dev/null; then
        say "user skyeye"
        useradd --system --user-group --home-dir "$DATA" --no-create-home --shell /usr/sbin/nologin skyeye
    fi
}

place() { # MODE, FROM, TO: replaced in one step, so that a running program never sees half a file
    install -m "$1" "$2" "$3.new"
    mv -f "$3.new" "$3"
}

install_files() {
    say "files"
    install -d -m 0755 /usr/local/bin "$LIBRARY" "$LIBRARY/models" "$DOCUMENTS"
    install -d -m 0750 -g skyeye "$CONFIG" "$CONFIG/secrets"
    local library name
    library=$(readlink -f "$RUNTIME/libonnxruntime.so")
    if ! cmp -s "$library" "$LIBRARY/${library##*/}"; then
        place 0644 "$library" "$LIBRARY/${library##*/}"
    fi
    ln -sfn "${library##*/}" "$LIBRARY/libonnxruntime.so"
    for name in LICENSE ThirdPartyNotices.txt; do
        place 0644 "$RUNTIME/$name" "$DOCUMENTS/onnxruntime-$name"
    done
    for name in "$WEIGHTS"/*.onnx; do
        [[ ! -f $name ]] || cmp -s "$name" "$LIBRARY/models/${name##*/}" || place 0644 "$name" "$LIBRARY/models/${name##*/}"
    done
    # The manifest is inside the program; models of the site's own stand in models/local.toml, which nobody touches here.
    place 0644 "$LICENCE" "$DOCUMENTS/LICENSE"
    place 0644 "$FILES/README.md" "$DOCUMENTS/README.md"
    for f in prometheus.yml prometheus-alerts.yml grafana-dashboard.json; do
        place 0644 "$FILES/$f" "$DOCUMENTS/$f"
    done
    [[ ! -f $REFERENCE/skyeye.toml ]] || place 0644 "$REFERENCE/skyeye.toml" "$DOCUMENTS/skyeye.toml"
    if [[ ! -f $CONFIG/skyeye.toml ]]; then
        install -m 0640 -g skyeye "$FILES/skyeye.toml" "$CONFIG/skyeye.toml"
    fi
    if [[ -f /usr/local/bin/skyeye ]] && ! cmp -s "$PROGRAM" /usr/local/bin/skyeye; then
        place 0755 /usr/local/bin/skyeye "$LIBRARY/skyeye.previous"
    fi
    place 0755 "$PROGRAM" /usr/local/bin/skyeye
    place 0644 "$FILES/skyeye.service" "$UNIT"
}

# The configuration is the site's; a new version that refuses it must not stop what runs.
check_configuration() {
    local code=0
    /usr/local/bin/skyeye check --config "$CONFIG/skyeye.toml" || code=$?
    if ((code != 0)); then
        fail "the new version refuses $CONFIG/skyeye.toml (exit code $code, above); the service was not restarted" \
            "correct it, then: systemctl restart skyeye. Or go back: install -m 0755 $LIBRARY/skyeye.previous /usr/local/bin/skyeye"
    fi
}

start() {
    systemctl daemon-reload
    systemctl enable --quiet skyeye
    say "starting"
    systemctl restart skyeye || fail "the service does not start" "journalctl -u skyeye -n 50"
    say "skyeye runs: systemctl status skyeye, journalctl -u skyeye"
    echo "    the console and the one-time password: see \"The first login\" in $DOCUMENTS/README.md"
}

main() {
    while (($# > 0)); do
        case $1 in
            --no-start) START=0 ;;
            -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" && exit 0 ;;
            *) echo "install.sh: what is '$1'?" >&2 && exit 64 ;;
        esac
        shift
    done
    check_before
    install_packages
    make_user
    install_files
    check_configuration
    if ((START == 1)); then
        start
    else
        say "installed; start it with: systemctl daemon-reload && systemctl enable --now skyeye"
    fi
}

main "$@"
