#!/usr/bin/env bash
# Stage 1 of JSUT: data/{tr_no_dev,dev,eval1} of basic5000.
# local/data.sh [--db_root DIR] [--num_dev N] [--num_eval N]
# The last 250 sentences are eval1, the 250 before them dev.
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

db=${db_root}/jsut_ver1.1/basic5000
if [ ! -s "${db}/transcript_utf8.txt" ]; then
    cat >&2 << EOM
error: ${db}/transcript_utf8.txt is missing
  Its authors let nobody pass on the corpus: fetch jsut_ver1.1.zip from
  https://sites.google.com/site/shinnosuketakamichi/publication/jsut
  and unpack it in ${db_root}, then run stage 1 again.
EOM
    exit 1
fi

# BASIC5000_0001:text
sed -e 's/\r$//' -e 's/:/|/' "${db}/transcript_utf8.txt" |
    bash local/split.sh "${db}/wav" JSUT "${num_dev}" "${num_eval}"
