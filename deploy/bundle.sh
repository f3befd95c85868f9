#!/usr/bin/env bash
# Packs what a site without internet needs into .cache/bundle/skyeye-bundle-VERSION-ARCHITECTURE.tar.gz, with its sha256
# beside it: program (the console is inside it), ONNX Runtime, detectors, configuration, service, install.sh, and the
# Debian packages of GStreamer with everything that they depend on. Called by `deploy/setup.sh bundle` after its steps.
#
#   BUNDLE_PACKAGES=0   leave the Debian packages out (some 200 MB)
#   BUNDLE_FOOTAGE=1    put the demo's footage in
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

CACHE=.cache
PROGRAM=${SKYEYE_PROGRAM:-${CARGO_TARGET_DIR:-target}/release/skyeye}
VERSION=$(awk -F'"' '/^version *=/ { print $2; exit }' Cargo.toml)
NAME=skyeye-bundle-$VERSION-$(uname -m)
OUT=$CACHE/bundle
TREE=$OUT/$NAME
# To run, not to build.
RUN_PACKAGES=(
    ca-certificates libgstreamer1.0-0 libgstreamer-plugins-base1.0-0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good
    gstreamer1.0-plugins-bad gstreamer1.0-libav mosquitto-clients
)

fail() {
    printf 'bundle: %s\n    what to do: %s\n' "$1" "$2" >&2
    exit 1
}

# What the packages need on a machine that has nothing: apt is asked with an empty list of installed packages.
fetch_packages() { # FOLDER
    local folder=$1 empty list wanted=() package version file
    local -A current=()
    local apt=(-q -o Debug::NoLocking=1 -o APT::Sandbox::User=root -o Acquire::Retries=3)
    mkdir -p "$folder"
    empty=$(realpath "$OUT")/no-packages-installed
    : >"$empty"
    list=$(apt-get "${apt[@]}" -s -o Dir::State::status="$empty" -o APT::Install-Recommends=0 install \
        "${RUN_PACKAGES[@]}" | sed -nE 's/^Inst ([^ ]+) \(([^ ]+) .*/\1=\2/p')
    [[ -n $list ]] || fail "apt cannot resolve ${RUN_PACKAGES[*]}" "run: apt-get update"
    mapfile -t list < <(sort -u <<<"$list")
    for package in "${list[@]}"; do
        version=${package#*=}
        file=${package%%[:=]*}_${version//:/%3a} # as apt names it, less the architecture
        current[$file]=1
        compgen -G "$folder/${file}_*.deb" >/dev/null || wanted+=("$package")
    done
    if ((${#wanted[@]} > 0)); then
        [[ ${OFFLINE:-0} == 0 ]] || fail "${#wanted[@]} Debian packages are missing, and --offline forbids fetching" \
            "run it without --offline, or with BUNDLE_PACKAGES=0"
        echo "    fetching ${#wanted[@]} Debian packages"
        env -C "$folder" apt-get "${apt[@]}" download "${wanted[@]}" >"$CACHE/setup/bundle.log" 2>&1 ||
            fail "apt-get download failed: $(grep -m 2 '^E:' "$CACHE/setup/bundle.log" | tr '\n' ' ')" \
                "run apt-get update, then again; it goes on where it stopped"
    fi
    # Versions that a newer one has replaced since the last bundle.
    for file in "$folder"/*.deb; do
        package=${file##*/}
        [[ -n ${current[${package%_*}]:-} ]] || rm -f "$file"
    done
}

# An index makes the folder a package source, so that at the site apt itself finds the smallest change.
index_packages() { # FOLDER
    local file
    for file in "$1"/*.deb; do
        dpkg-deb --field "$file"
        printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "${file##*/}" "$(stat -c %s "$file")" \
            "$(sha256sum "$file" | cut -d' ' -f1)"
    done >"$1/Packages"
    printf '%s\n' "${RUN_PACKAGES[@]}" >"$1/WANTED"
}

main() {
    [[ -x $PROGRAM ]] || fail "there is no program at $PROGRAM" "run: make bundle"
    rm -rf "$TREE"
    mkdir -p "$TREE"/{bin,lib,models,config}
    cp "$PROGRAM" "$TREE/bin/skyeye"
    cp -a "$CACHE"/onnxruntime/{libonnxruntime.so,LICENSE,ThirdPartyNotices.txt} "$TREE/lib/"
    cp -a "$(readlink -f "$CACHE/onnxruntime/libonnxruntime.so")" "$TREE/lib/"
    cp "$CACHE"/models/*.onnx models/README.md "$TREE/models/"
    [[ ! -d config ]] || cp -r config/. "$TREE/config/"
    cp deploy/{install.sh,skyeye.service,skyeye.toml,prometheus.yml,prometheus-alerts.yml,grafana-dashboard.json,README.md} LICENSE "$TREE/"
    if [[ ${BUNDLE_FOOTAGE:-0} == 1 ]]; then
        mkdir -p "$TREE/footage"
        cp "$CACHE"/footage/*.* "$TREE/footage/"
    fi
    if [[ ${BUNDLE_PACKAGES:-1} == 1 ]] && command -v apt-get >/dev/null; then
        fetch_packages "$CACHE/packages"
        mkdir -p "$TREE/packages"
        ln "$CACHE"/packages/*.deb "$TREE/packages/"
        index_packages "$TREE/packages"
    fi
    (cd "$TREE" && find . -type f -printf '%P\0' | sort -z | xargs -0 sha256sum >../SHA256SUMS)
    mv "$OUT/SHA256SUMS" "$TREE/"
    echo "    packing $(find "$TREE" -type f | wc -l) files"
    tar -C "$OUT" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}" \
        --mode=u+rwX,go+rX,go-w -I 'gzip -n -1' -cf "$OUT/$NAME.tar.gz.part" "$NAME"
    mv "$OUT/$NAME.tar.gz.part" "$OUT/$NAME.tar.gz"
    (cd "$OUT" && sha256sum "$NAME.tar.gz" >"$NAME.tar.gz.sha256")
    rm -rf "$TREE"
    echo "    $OUT/$NAME.tar.gz, $(du -h "$OUT/$NAME.tar.gz" | cut -f1)"
    echo "    at the site: tar -xzf $NAME.tar.gz && sudo $NAME/install.sh"
}

main
