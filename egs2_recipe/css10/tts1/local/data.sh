#!/usr/bin/env bash
# Stage 1 of CSS10: data/{tr_no_dev,dev,eval1} of one language.
# local/data.sh [--language german] [--db_root DIR] [--num_dev N] [--num_eval N]
# In the order of their names the last 250 sentences are eval1, the 250 before them dev.
set -e
set -u
set -o pipefail

language=german
db_root=downloads
num_dev=250
num_eval=250
while [ $# -gt 1 ]; do
    case "$1" in
        --language) language=$2 ;;
        --db_root) db_root=$2 ;;
        --num_dev) num_dev=$2 ;;
        --num_eval) num_eval=$2 ;;
        *) echo "data.sh: unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
[ $# -eq 0 ] || { echo "data.sh: options have the form --name value" >&2; exit 2; }
export LC_ALL=C

db=${db_root}/${language}
if [ ! -s "${db}/transcript.txt" ]; then
    cat >&2 << EOM
error: ${db}/transcript.txt is missing
  Its host asks for an account: fetch the language as https://github.com/Kyubyong/css10
  says and unpack it, so that ${db} holds transcript.txt, then run stage 1 again.
EOM
    exit 1
fi

# book/book_0001.wav|as written|with numbers spoken|seconds
sed -e 's/\r$//' "${db}/transcript.txt" |
    awk -F '|' '{sub(/\.wav$/, "", $1); print $1 "|" $3}' |
    bash local/split.sh "${db}" "${language}" "${num_dev}" "${num_eval}"
