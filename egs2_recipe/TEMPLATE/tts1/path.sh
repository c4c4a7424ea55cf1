# Sourced by run.sh, by local/data.sh and by ESPnet's tts.sh.
if [ -n "${ESPNET_ROOT:-}" ]; then
    export MAIN_ROOT="${ESPNET_ROOT}"
    export PATH="${PWD}/utils:${PATH}"
    if [ -f "${MAIN_ROOT}/tools/activate_python.sh" ]; then
        . "${MAIN_ROOT}/tools/activate_python.sh"
    fi
    # One thread for each of tts.sh's parallel jobs.
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
fi

export LC_ALL=C
# Python reads and writes UTF-8, whatever LC_ALL says.
export PYTHONIOENCODING=UTF-8
export PYTHONUTF8=1

if [ -f local/path.sh ]; then
    . local/path.sh
fi
