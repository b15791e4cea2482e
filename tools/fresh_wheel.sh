#!/bin/sh
# Tests the package's metadata. Builds the wheel and installs it with pip into a new environment. Fails if pip installed
# two builds of OpenCV, or any CUDA package (use an index whose torch is the CPU build). Takes some minutes and 2 GB.
#
#   tools/fresh_wheel.sh FOLDER
#
# The script deletes FOLDER and makes it again. PYTHON (default python3) makes the environments. PIP_ARGS are arguments
# of the installation, for example:
#   PIP_ARGS='--extra-index-url https://download.pytorch.org/whl/cpu' tools/fresh_wheel.sh FOLDER
set -eu
cd "$(dirname "$0")/.."
folder=${1:?usage: tools/fresh_wheel.sh FOLDER}
rm -rf "$folder"
mkdir -p "$folder/source"
git ls-files -z | xargs -0 cp --parents -t "$folder/source"

"${PYTHON:-python3}" -m venv "$folder/build"
"$folder/build/bin/pip" install --quiet build
"$folder/build/bin/python" -m build --wheel --outdir "$folder" "$folder/source" >"$folder/build.log"

"${PYTHON:-python3}" -m venv "$folder/fresh"
# shellcheck disable=SC2086
"$folder/fresh/bin/pip" install --quiet ${PIP_ARGS:-} "$folder"/affex-*.whl
"$folder/fresh/bin/pip" check
"$folder/fresh/bin/pip" list 2>/dev/null | grep -iE '^(opencv|torch|xgboost|nvidia|triton|cuda)' | tee "$folder/installed"
[ "$(grep -c '^opencv' "$folder/installed")" = 1 ]
! grep -E '^(nvidia|triton|cuda)' "$folder/installed"
cd "$folder" && fresh/bin/affex --version
