#!/usr/bin/env bash
# Packs the student as a voice that reads words: local/make_voice.sh <card.md> <out.zip>
# Called from the recipe directory after run.sh.
set -e
set -u
set -o pipefail

. ./path.sh
lexicon=data/lexicon
if [ ! -f "${lexicon}/lexicon.txt.xz" ]; then
    python3 local/make_lexicon.py --output_dir "${lexicon}"
fi
exp=exp/tts_train_prodiff_raw_phn_none_steps1
python3 -m espnet_prodiff.bin.pack_voice \
    --model_file "${exp}/valid.loss.best.pth" \
    --lexicon "${lexicon}/lexicon.txt.xz" \
    --letter_to_sound "${lexicon}/letter_to_sound.pth" \
    --card "$1" --output "$2"
