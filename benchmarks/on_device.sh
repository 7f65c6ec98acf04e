#!/usr/bin/env bash
# All that needs a CUDA device, in one run of a few minutes: bits, times, batches, and a page of results.
#
#   benchmarks/on_device.sh [--minutes N] [--output FILE] [--device N] [--simulate]
#
# A bare machine will do, see bare.sh, with numba-cuda beside numba and numpy.
set -eu
for word in "$@"; do
    if [ "$word" = --simulate ]; then
        export NUMBA_ENABLE_CUDASIM=1 NUMBA_DISABLE_JIT=1
    fi
done
exec "$BASH" "$(dirname "${BASH_SOURCE[0]}")/bare.sh" on_device.py "$@"
