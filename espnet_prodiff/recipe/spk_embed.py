"""Speaker embeddings of the data, written where stages 3 and 4 of ``tts.sh`` do.

``tts.sh`` computes them with a script of the ESPnet checkout; without a checkout they
are computed by the weights of ``spk_embed_model``, or come with the data, as
``data/<set>/<spk_embed_tag>.scp`` (Kaldi vectors by utterance).
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tqdm import tqdm

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.audio import read_recording
from espnet_prodiff.fileio.tables import read_table, write_table
from espnet_prodiff.recipe import data_dir
from espnet_prodiff.recipe.options import Options


def write_embeddings(options: Options) -> None:
    """Write ``dump/<tag>/<set>/[spk_]<tag>.{ark,scp}`` by utterance and by speaker.

    Raises:
        FileNotFoundError: ``spk_embed_model`` has no config.yaml beside it.
        UserError: No vectors, or none for an utterance.
    """
    import kaldiio  # only recipes with embeddings need it

    tag = options.spk_embed_tag
    for name in options.sets:
        source, target = Path("data") / name / f"{tag}.scp", _directory(options, name)
        vectors = _vectors(options, name, source)
        spk2utt = read_table(options.org(name) / "spk2utt")
        target.mkdir(parents=True, exist_ok=True)
        utts, speakers = target / tag, target / f"spk_{tag}"
        with (
            kaldiio.WriteHelper(f"ark,scp:{utts}.ark,{utts}.scp") as by_utt,
            kaldiio.WriteHelper(f"ark,scp:{speakers}.ark,{speakers}.scp") as by_speaker,
        ):
            for speaker, utterances in spk2utt.items():
                of_speaker = []
                for utterance in utterances.split():
                    if utterance not in vectors:
                        raise UserError(f"{source} has no vector of {utterance}")
                    by_utt[utterance] = vectors[utterance]
                    of_speaker.append(vectors[utterance])
                by_speaker[speaker] = np.mean(of_speaker, axis=0)


def _vectors(options: Options, name: str, source: Path) -> Mapping[str, np.ndarray]:
    """Return the vectors that come with the data of a set, or compute them."""
    if source.exists():
        from espnet_prodiff.fileio.kaldi import allow_pipes, read_vectors

        allow_pipes(options.allow_pipes)
        return read_vectors(read_table(source), source)
    if not Path(options.spk_embed_model).is_file():
        raise UserError(
            f"{source} does not exist: --use_spk_embed true needs Kaldi vectors by "
            "utterance there (local/data.sh can write them), or the weights of a "
            "speaker model of ESPnet, its config.yaml beside them, as "
            f"--spk_embed_model FILE (it is {options.spk_embed_model})"
        )
    from espnet_prodiff.inference.speaker_encoder import SpeakerEncoder  # ESPnet

    encode = SpeakerEncoder(options.spk_embed_model)
    wavs = read_table(options.org(name) / "wav.scp")
    bar = tqdm(wavs.items(), desc=f"stage 3: {name}", unit="utt", disable=None)
    return {utt: encode(*read_recording(wav, utt)[:2]) for utt, wav in bar}


def filter_embeddings(options: Options, name: str) -> None:
    """Keep the embeddings of the utterances that stage 4 left."""
    scp = _directory(options, name) / f"{options.spk_embed_tag}.scp"
    vectors = read_table(scp)
    write_table(scp.with_name(scp.name + ".bak"), vectors)
    kept = read_table(options.data_feats / name / "wav.scp")
    write_table(scp, data_dir.keep_keys(vectors, kept))


def _directory(options: Options, name: str) -> Path:
    return Path(options.dumpdir) / options.spk_embed_tag / name
