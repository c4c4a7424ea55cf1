#!/usr/bin/env bash
# Fetch a file, going on where an earlier try stopped, and check it.
# local/download.sh URL FILE SHA256
set -e
set -u
set -o pipefail

url=$1
file=$2
sha256=$3

check() {
    echo "${sha256}  ${file}" | sha256sum --check --status
}

if [ -f "${file}" ] && check; then
    exit 0
fi
mkdir -p "$(dirname "${file}")"
if ! curl --fail --location --retry 3 --continue-at - --output "${file}" "${url}"; then
    cat >&2 << EOF
error: cannot fetch ${url}
  What arrived is kept in ${file}; the same command goes on with it.
  Without a network: put the file (sha256 ${sha256})
  there by hand, or the unpacked corpus beside it.
EOF
    exit 1
fi
if ! check; then
    mv "${file}" "${file}.bad"
    echo "error: ${file} has not the sha256 ${sha256}" \
        "(kept as ${file}.bad); run the same command again" >&2
    exit 1
fi
