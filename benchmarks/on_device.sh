#!/usr/bin/env bash
# All that needs a CUDA device, in one run of a few minutes: bits, times, batches, and a page of results.
#
#   benchmarks/on_device.sh [--minutes N] [--output FILE] [--device N] [--simulate]
#
# A bare machine will do: python3 (or the one that PYTHON names) with numba, numba-cuda and numpy.  Nothing is
# installed and nothing is fetched; the package is laid out in a temporary folder of links.
set -eu
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
laid_out=$(mktemp -d)
trap 'rm -rf "$laid_out"' EXIT
mkdir "$laid_out/numbragg"
for entry in "$root"/numbragg/*; do
    ln -s "$entry" "$laid_out/numbragg/"
done
ln -s "$root/kernels" "$laid_out/numbragg/kernels"
for word in "$@"; do
    if [ "$word" = --simulate ]; then
        export NUMBA_ENABLE_CUDASIM=1 NUMBA_DISABLE_JIT=1
    fi
done
export PYTHONPATH="$laid_out" PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
"${PYTHON:-python3}" "$root/benchmarks/on_device.py" "$@"
