#!/usr/bin/env bash
# Makes the corpus of this recipe: the installed flite reads it, no download.
# Called from the recipe directory as local/data.sh [options]; the options are those
# of local/synthesize_corpus.py (--voices, --num_utts, --pitch_range, --word_list,
# --seed).
set -e
set -u
set -o pipefail

if [ ! -f local/synthesize_corpus.py ]; then
    echo "data.sh: call it from the recipe directory, as local/data.sh" >&2
    exit 2
fi
if [ -f path.sh ]; then
    . ./path.sh
fi
export LC_ALL=C
exec "${PYTHON:-python3}" local/synthesize_corpus.py "$@"
