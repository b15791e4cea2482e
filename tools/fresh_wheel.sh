#!/bin/sh
# Proves what the metadata says: builds the wheel, installs it with pip into a fresh environment, and fails if that took
# two builds of OpenCV or, by an index whose torch is the CPU build, any CUDA package. Some minutes, and 2 GB of disk.
#
#   tools/fresh_wheel.sh FOLDER
#
# FOLDER is made anew; PYTHON (default python3) makes the environments, PIP_ARGS goes to the installation, as in
#   PIP_ARGS='--extra-index-url https://download.pytorch.org/whl/cpu' tools/fresh_wheel.sh FOLDER
set -eu
cd "$(dirname "$0")/.."
folder=${1:?say which folder}
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
"$folder/fresh/bin/pip" list 2>/dev/null | grep -iE '^(opencv|torch|xgboost|nvidia|triton|cuda)' | tee "$folder/taken"
[ "$(grep -c '^opencv' "$folder/taken")" = 1 ]
! grep -E '^(nvidia|triton|cuda)' "$folder/taken"
cd "$folder" && fresh/bin/affex --version
