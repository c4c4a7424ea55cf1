#!/usr/bin/env bash
# Data directories of one speaker, from lines "id|text" on the standard input.
# local/split.sh WAV_DIR SPEAKER NUM_DEV NUM_EVAL
# The waves are WAV_DIR/<id>.wav, where slashes of an id are directories. In the order of
# their ids the last sentences are eval1, those before them dev, the others tr_no_dev.
set -e
set -u
set -o pipefail

wavs=$1
speaker=$2
num_dev=$3
num_eval=$4
export LC_ALL=C

all=data/.all
rm -rf "${all}"
mkdir -p "${all}"
sort -t '|' -k 1,1 > "${all}/lines"
while IFS='|' read -r id text; do
    if [ ! -f "${wavs}/${id}.wav" ]; then
        echo "error: the table names ${id}, but ${wavs}/${id}.wav is missing;" \
            "unpack the corpus again and run stage 1 again" >&2
        exit 1
    fi
    utt=${id//\//_}
    echo "${utt} ${text}" >> "${all}/text"
    echo "${utt} ${wavs}/${id}.wav" >> "${all}/wav.scp"
    echo "${utt} ${speaker}" >> "${all}/utt2spk"
done < "${all}/lines"
total=$(wc -l < "${all}/lines")
num_train=$((total - num_dev - num_eval))
if [ "${num_train}" -lt 1 ]; then
    echo "error: the corpus has ${total} sentences, expected more than" \
        "$((num_dev + num_eval)) (--num_dev and --num_eval)" >&2
    exit 1
fi

for part in "tr_no_dev 1 ${num_train}" \
    "dev $((num_train + 1)) $((num_train + num_dev))" \
    "eval1 $((num_train + num_dev + 1)) ${total}"; do
    read -r name first last <<< "${part}"
    mkdir -p "data/${name}"
    for table in text wav.scp utt2spk; do
        sed -n "${first},${last}p" "${all}/${table}" > "data/${name}/${table}"
    done
    awk -v s="${speaker}" '{u = u " " $1} END {print s u}' "data/${name}/utt2spk" \
        > "data/${name}/spk2utt"
    echo "data/${name}: $(wc -l < "data/${name}/text") sentences"
done
rm -rf "${all}"
