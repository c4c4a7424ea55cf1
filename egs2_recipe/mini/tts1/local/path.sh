# Sourced by path.sh: tells phonemizer (ESPnet's espeak g2p) where the espeak-ng
# library and its data are, so that no system package is needed.
# Both come from the espeakng-loader wheel; what the user has set already stays.
if [ -z "${PHONEMIZER_ESPEAK_LIBRARY:-}" ] || [ -z "${ESPEAK_DATA_PATH:-}" ]; then
    if ! _espeak=$("${PYTHON:-python3}" -c \
        'import espeakng_loader as e; print(e.get_library_path(), e.get_data_path(), sep="\n")' \
        2>/dev/null); then
        echo "local/path.sh: espeakng-loader is not installed;" \
            "run: pip install espeakng-loader phonemizer" >&2
        unset _espeak
        return 1 2>/dev/null || exit 1
    fi
    export PHONEMIZER_ESPEAK_LIBRARY="${_espeak%%$'\n'*}"
    export ESPEAK_DATA_PATH="${_espeak##*$'\n'}"
    unset _espeak
fi
