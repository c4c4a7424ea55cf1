"""Speaker embeddings: take over ready ones, as stage 3 and 4 of ``tts.sh`` lay them.

``tts.sh`` computes them with a script of the ESPnet checkout; without a checkout they
come with the data, as ``data/<set>/<spk_embed_tag>.scp`` (Kaldi vectors by utterance).
"""

import shutil
from pathlib import Path

import numpy as np

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.tables import read_table, write_table
from espnet_prodiff.recipe import data_dir
from espnet_prodiff.recipe.options import Options


def take_embeddings(o: Options) -> None:
    """Write ``dump/<tag>/<set>/[spk_]<tag>.{ark,scp}`` by utterance and by speaker.

    Raises:
        UserError: No vectors, or none for an utterance.
    """
    import kaldiio  # only recipes with embeddings need it

    tag = o.spk_embed_tag
    for name in o.sets:
        source, target = Path("data") / name / f"{tag}.scp", _directory(o, name)
        if not source.exists():
            raise UserError(
                f"{source} does not exist: --use_spk_embed true needs Kaldi vectors by "
                "utterance there (local/data.sh can write them), or ESPNET_ROOT, whose "
                f"tts.sh computes them with --spk_embed_tool {o.spk_embed_tool}"
            )
        vectors = kaldiio.load_scp(str(source))
        spk2utt = read_table(o.org(name) / "spk2utt")
        target.mkdir(parents=True, exist_ok=True)
        with (
            kaldiio.WriteHelper(
                f"ark,scp:{target}/{tag}.ark,{target}/{tag}.scp"
            ) as by_utt,
            kaldiio.WriteHelper(
                f"ark,scp:{target}/spk_{tag}.ark,{target}/spk_{tag}.scp"
            ) as by_speaker,
        ):
            for speaker, utterances in spk2utt.items():
                found = []
                for utterance in utterances.split():
                    if utterance not in vectors:
                        raise UserError(f"{source} has no vector of {utterance}")
                    found.append(np.asarray(vectors[utterance], np.float32).squeeze())
                    by_utt[utterance] = found[-1]
                by_speaker[speaker] = np.mean(found, axis=0)


def filter_embeddings(o: Options, name: str) -> None:
    """Keep the embeddings of the utterances that stage 4 left."""
    scp = _directory(o, name) / f"{o.spk_embed_tag}.scp"
    full = scp.with_name(scp.name + ".bak")
    shutil.copyfile(scp, full)
    left = read_table(o.data_feats / name / "wav.scp")
    write_table(scp, data_dir.only(read_table(full), left))


def _directory(o: Options, name: str) -> Path:
    return Path(o.dumpdir) / o.spk_embed_tag / name
