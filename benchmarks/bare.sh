#!/usr/bin/env bash
# Runs a script of this folder on a bare machine: python3 (or the one that PYTHON names) with numba and numpy.
#
#   benchmarks/bare.sh SCRIPT [ARGUMENT ...]       as: benchmarks/bare.sh vector_width.py --table
#
# Nothing is installed and nothing is fetched; the package is laid out in a temporary folder of links.
set -eu
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
laid_out=$(mktemp -d)
trap 'rm -rf "$laid_out"' EXIT
mkdir "$laid_out/numbragg"
for entry in "$root"/numbragg/*; do
    ln -s "$entry" "$laid_out/numbragg/"
done
ln -s "$root/kernels" "$laid_out/numbragg/kernels"
script=${1:?name a script of this folder, and what it is told}
shift
export PYTHONPATH="$laid_out" PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
"${PYTHON:-python3}" "$root/benchmarks/$script" "$@"
