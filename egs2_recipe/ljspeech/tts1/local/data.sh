#!/usr/bin/env bash
# Stage 1 of LJSpeech: download, then data/{tr_no_dev,dev,eval1}.
# local/data.sh [--db_root DIR] [--num_dev N] [--num_eval N]
# As in ESPnet's recipe, the last 250 sentences are eval1, the 250 before them dev.
set -e
set -u
set -o pipefail

db_root=downloads
num_dev=250
num_eval=250
while [ $# -gt 1 ]; do
    case "$1" in
        --db_root) db_root=$2 ;;
        --num_dev) num_dev=$2 ;;
        --num_eval) num_eval=$2 ;;
        *) echo "data.sh: unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
[ $# -eq 0 ] || { echo "data.sh: options have the form --name value" >&2; exit 2; }
export LC_ALL=C

db=${db_root}/LJSpeech-1.1
if [ ! -d "${db}" ]; then
    archive=${db_root}/LJSpeech-1.1.tar.bz2
    bash local/download.sh https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2 \
        "${archive}" be1a30453f28eb8dd26af4101ae40cbf2c50413b1bb21936cbcdc6fae3de8aa5
    # Unpacked beside its place and moved there whole.
    rm -rf "${db_root}/.unpack"
    mkdir "${db_root}/.unpack"
    tar -xjf "${archive}" -C "${db_root}/.unpack"
    mv "${db_root}/.unpack/LJSpeech-1.1" "${db}"
    rmdir "${db_root}/.unpack"
fi
if [ ! -s "${db}/metadata.csv" ]; then
    echo "error: ${db}/metadata.csv is missing or empty;" \
        "remove ${db} and run stage 1 again" >&2
    exit 1
fi

# id|as written|with numbers spoken
awk -F '|' '{print $1 "|" $3}' "${db}/metadata.csv" |
    bash local/split.sh "${db}/wavs" LJ "${num_dev}" "${num_eval}"
