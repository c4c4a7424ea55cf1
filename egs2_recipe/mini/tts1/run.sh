#!/usr/bin/env bash
# The main job on a corpus that is made here: synthesise speech, learn durations, train
# a ProDiff teacher, distil it to 1 step, speak, evaluate, pack. Voice, pitch and rate
# change from sentence to sentence and are no input: that is what a teacher hurried into
# 1 step loses and its student keeps. One voice: ./run.sh --local_data_opts ""
# Options: those of ESPnet's tts.sh and of python3 -m espnet_prodiff.recipe --help
set -e
set -u
set -o pipefail

fs=22050
n_fft=1024
n_shift=256

train_set=tr_no_dev
valid_set=dev
test_sets=eval1

train_config=conf/mini/train_prodiff.yaml
distill_config=conf/mini/distill_prodiff.yaml
inference_config=conf/decode.yaml

cd "$(dirname "$0")"
. ./path.sh
. ./cmd.sh

python3 -m espnet_prodiff.recipe \
    --lang en \
    --local_data_opts "--hidden_variation true" \
    --fs "${fs}" \
    --n_fft "${n_fft}" \
    --n_shift "${n_shift}" \
    --audio_format wav \
    --token_type phn \
    --cleaner none \
    --g2p espeak_ng_english_us_vits \
    --durations learned \
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
