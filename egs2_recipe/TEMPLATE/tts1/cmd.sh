# Where the jobs of ESPnet's tts.sh run (only read with ESPNET_ROOT set):
# run.pl is this machine; queue.pl and slurm.pl are schedulers, set up in conf/.
export train_cmd="run.pl"
export cuda_cmd="run.pl"
export decode_cmd="run.pl"
