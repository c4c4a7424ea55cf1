#!/usr/bin/env bash
# Packs the student as a voice that reads words, called from the recipe directory after
# run.sh: local/make_voice.sh <card.md> <out.zip> [<experiment directory>]
set -e
set -u
set -o pipefail

. ./path.sh
exp=${3:-exp/tts_train_prodiff_raw_phn_none_steps1}
lexicon=data/lexicon
if [ ! -f "${lexicon}/lexicon.txt.xz" ]; then
    python3 local/make_lexicon.py --output_dir "${lexicon}"
fi
names=()
if [ -f dump/raw/org/tr_no_dev/spk2sid ]; then
    names=(--speakers dump/raw/org/tr_no_dev/spk2sid)
fi
python3 -m espnet_prodiff.bin.pack_voice \
    --model_file "${exp}/valid.loss.best.pth" \
    --lexicon "${lexicon}/lexicon.txt.xz" \
    --letter_to_sound "${lexicon}/letter_to_sound.pth" \
    --card "$1" --output "$2" "${names[@]}"
