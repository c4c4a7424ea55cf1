#!/usr/bin/env bash
# ProDiff on JSUT (one Japanese speaker, basic5000: 6.8 hours): learn durations, train a
# teacher, distil it to 2 steps, speak, evaluate, pack. The g2p is Open JTalk's phones
# with symbols of prosody, as in ESPnet's recipes: pip install pyopenjtalk-plus
# Options: those of ESPnet's tts.sh and of python3 -m espnet_prodiff.recipe --help
set -e
set -u
set -o pipefail

fs=24000
n_fft=2048
n_shift=300
win_length=1200

train_set=tr_no_dev
valid_set=dev
test_sets="dev eval1"

train_config=conf/train_prodiff.yaml
distill_config=conf/distill_prodiff.yaml
inference_config=conf/decode.yaml

cd "$(dirname "$0")"
. ./path.sh
. ./cmd.sh

python3 -m espnet_prodiff.recipe \
    --lang ja \
    --fs "${fs}" \
    --n_fft "${n_fft}" \
    --n_shift "${n_shift}" \
    --win_length "${win_length}" \
    --audio_format wav \
    --token_type phn \
    --cleaner jaconv \
    --g2p pyopenjtalk_prosody \
    --durations learned \
    --write_collected_feats true \
    --train_config "${train_config}" \
    --distill_config "${distill_config}" \
    --distill_steps 2 \
    --inference_config "${inference_config}" \
    --inference_model valid.loss.best.pth \
    --train_set "${train_set}" \
    --valid_set "${valid_set}" \
    --test_sets "${test_sets}" \
    --srctexts "data/${train_set}/text" \
    --evaluate true \
    --skip_packing false \
    --ngpu 1 --nj 16 --inference_nj 8 \
    "$@"
