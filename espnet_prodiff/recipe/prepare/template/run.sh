#!/usr/bin/env bash
# Your own voice: learn durations, train a ProDiff teacher, distil it to 1 step, speak,
# evaluate, pack. `espnet-prodiff train` runs the same stages in this directory, with
# the configuration that fits the machine, and makes a page and a voice of the results.
# Options: those of ESPnet's tts.sh and of python3 -m espnet_prodiff.recipe --help
set -e
set -u
set -o pipefail

train_config=conf/train_prodiff_cpu.yaml        # or _small, _gpu
distill_config=conf/distill_prodiff_cpu.yaml    # the same

cd "$(dirname "$0")"
. ./path.sh
. ./cmd.sh

python3 -m espnet_prodiff.recipe \
@OPTIONS@
    --train_config "${train_config}" \
    --distill_config "${distill_config}" \
    --ngpu 0 --nj "$(nproc)" --inference_nj "$(nproc)" \
    "$@"
