#!/usr/bin/env bash
# Stage 1: nothing to do, data/ was made by
#   @COMMAND@
set -e
set -u

for name in tr_no_dev dev eval1; do
    if [ ! -s "data/${name}/wav.scp" ]; then
        echo "local/data.sh: data/${name}/wav.scp is not there; make this directory" \
            "anew with the command in local/data.sh" >&2
        exit 1
    fi
done
