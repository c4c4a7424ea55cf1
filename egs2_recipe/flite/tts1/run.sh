#!/usr/bin/env bash
# A voice from the speech of flite, whose phones and durations are exact: make the
# corpus, train a ProDiff teacher, distil it to 1 step, speak, evaluate, pack.
# Options: those of ESPnet's tts.sh and of python3 -m espnet_prodiff.recipe --help
set -e
set -u
set -o pipefail

fs=16000
n_fft=1024
n_shift=256
win_length=720
fmax=8000

train_set=tr_no_dev
valid_set=dev
test_sets=eval1

train_config=conf/flite/train_prodiff.yaml
distill_config=conf/flite/distill_prodiff.yaml
inference_config=conf/decode.yaml

cd "$(dirname "$0")"
. ./path.sh
. ./cmd.sh

python3 -m espnet_prodiff.recipe \
    --lang en \
    --fs "${fs}" \
    --n_fft "${n_fft}" \
    --n_shift "${n_shift}" \
    --win_length "${win_length}" \
    --fmax "${fmax}" \
    --audio_format wav \
    --token_type phn \
    --cleaner none \
    --g2p none \
    --durations given \
    --teacher_dumpdir data \
    --write_collected_feats true \
    --train_config "${train_config}" \
    --distill_config "${distill_config}" \
    --distill_steps 1 \
    --inference_config "${inference_config}" \
    --inference_model valid.loss.best.pth \
    --train_set "${train_set}" \
    --valid_set "${valid_set}" \
    --test_sets "${test_sets}" \
    --srctexts "data/${train_set}/text" \
    --evaluate true \
    --skip_packing false \
    --ngpu 0 --nj 2 --inference_nj 2 \
    "$@"
