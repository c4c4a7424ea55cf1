#!/usr/bin/env bash
# Stage 1 of VCTK 0.92: download, then data/{tr_no_dev,dev,eval1}.
# local/data.sh [--db_root DIR] [--num_dev N] [--num_eval N]
# Of every speaker the last N sentences are eval1, the N before them dev; the first
# microphone is used. Speaker p315 has no texts and stays out.
set -e
set -u
set -o pipefail

db_root=downloads
num_dev=5
num_eval=5
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

db=${db_root}/VCTK-Corpus-0.92
if [ ! -d "${db}" ]; then
    archive=${db_root}/VCTK-Corpus-0.92.zip
    url=https://datashare.ed.ac.uk/bitstream/handle/10283/3443/VCTK-Corpus-0.92.zip
    bash local/download.sh "${url}" "${archive}" \
        f96258be9fdc2cbff6559541aae7ea4f59df3fcaf5cf963aae5ca647357e359c
    # Unpacked beside its place and moved there whole.
    rm -rf "${db_root}/.unpack"
    python3 -m zipfile -e "${archive}" "${db_root}/.unpack"
    mv "${db_root}/.unpack" "${db}"
fi
if [ ! -d "${db}/wav48_silence_trimmed" ] || [ ! -d "${db}/txt" ]; then
    echo "error: ${db} has no wav48_silence_trimmed or no txt;" \
        "remove ${db} and run stage 1 again" >&2
    exit 1
fi

all=data/.all
rm -rf "${all}"
mkdir -p "${all}"
find "${db}/wav48_silence_trimmed" -name "*_mic1.flac" | sort > "${all}/files"
while read -r flac; do
    id=$(basename "${flac}" _mic1.flac)
    speaker=${id%%_*}
    txt=${db}/txt/${speaker}/${id}.txt
    if [ -s "${txt}" ]; then
        echo "${id} $(tr -s '\r\n\t ' ' ' < "${txt}")" >> "${all}/text"
        echo "${id} ${flac}" >> "${all}/wav.scp"
        echo "${id} ${speaker}" >> "${all}/utt2spk"
    fi
done < "${all}/files"
if [ ! -s "${all}/text" ]; then
    echo "error: no *_mic1.flac in ${db}/wav48_silence_trimmed has a text in ${db}/txt" >&2
    exit 1
fi

# A speaker's sentences stand together: number them from the last one.
awk -v dev="${num_dev}" -v eval="${num_eval}" '
    {utt[NR] = $1; spk[NR] = $2; n[$2]++}
    END {
        for (i = 1; i <= NR; i++) {
            left = n[spk[i]] - ++seen[spk[i]]
            part = left < eval ? "eval1" : left < eval + dev ? "dev" : "tr_no_dev"
            print utt[i], part
        }
    }' "${all}/utt2spk" > "${all}/parts"
for name in tr_no_dev dev eval1; do
    mkdir -p "data/${name}"
    for table in text wav.scp utt2spk; do
        awk -v want="${name}" 'NR == FNR {part[$1] = $2; next} part[$1] == want' \
            "${all}/parts" "${all}/${table}" > "data/${name}/${table}"
    done
    if [ ! -s "data/${name}/text" ]; then
        echo "error: no sentence is left for ${name}: ${db} has" \
            "$(wc -l < "${all}/text") (--num_dev and --num_eval)" >&2
        exit 1
    fi
    awk '{if (!($2 in u)) s[++k] = $2; u[$2] = u[$2] " " $1}
        END {for (i = 1; i <= k; i++) print s[i] u[s[i]]}' \
        "data/${name}/utt2spk" > "data/${name}/spk2utt"
    echo "data/${name}: $(wc -l < "data/${name}/text") sentences," \
        "$(wc -l < "data/${name}/spk2utt") speakers"
done
rm -rf "${all}"
