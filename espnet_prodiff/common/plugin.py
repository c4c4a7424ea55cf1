"""What every model of this package is among ESPnet's."""

from collections.abc import Collection, Mapping
from typing import Any

from espnet2.layers.abs_normalize import AbsNormalize
from espnet2.tts.abs_tts import AbsTTS
from espnet2.tts.feats_extract.abs_feats_extract import AbsFeatsExtract

from espnet_prodiff.errors import UserError

# Version of the checkpoint format; config.yaml carries it to tell our models apart.
# In format 1 ProDiff's vpsde has T betas, and a num_steps stands for even steps in t.
FORMAT_KEY = "espnet_prodiff"
CHECKPOINT_FORMAT = 2
KNOWN_FORMATS = (1, 2)


class PluginTTS(AbsTTS):
    """A model of this package among ESPnet's TTS models: its checkpoints are strict.

    Attributes:
        conditioning: What it is conditioned on: "text", "mel", "label" or "none".
        needs_durations: Whether it is trained with the frames of each token.
        decoding_options: Options of ``inference`` beside the inputs and, in a diffusion
            model, `Sampling`'s.
        feature_options: Options of its constructor that are the features' own, and that
            the training enters: of "hop_length", "sampling_rate" and "n_fft".
        half_devices: Kinds of device on which it runs in half precision, where that is
            asked for; elsewhere it stays in float32.
        runs_on_rows: Whether its convolutions read rows, see `common.rows`.
    """

    conditioning = "text"
    needs_durations = True
    decoding_options: Collection[str] = ("alpha", "use_teacher_forcing", "callback")
    feature_options: Collection[str] = ()
    half_devices: Collection[str] = ()
    runs_on_rows = False
    # ESPnet's names: numbers of speakers and languages, size of speaker embeddings,
    # whether inference takes the mel of a recording.
    spks: int | None = None
    langs: int | None = None
    spk_embed_dim: int | None = None
    use_gst = False

    def take_features(
        self, feats_extract: AbsFeatsExtract | None, normalize: AbsNormalize | None
    ) -> None:
        """Get the features and their normalisation; most models need neither."""

    @classmethod
    def num_steps_of(cls, conf: Mapping[str, Any]) -> int:
        """Steps that a model with the ``tts_conf`` is sampled in; 0: it has none."""
        return 0

    def check_format(self, checkpoint_format: int) -> None:
        """Refuse checkpoints of a later version.

        Raises:
            UserError: If this version does not read the format.
        """
        if checkpoint_format not in KNOWN_FORMATS:
            raise UserError(
                f"this model has the checkpoint format {checkpoint_format} of "
                f"espnet_prodiff, but the installed version reads "
                f"{' and '.join(map(str, KNOWN_FORMATS))}: install the version that it "
                "was trained with"
            )

    def explain_foreign_weights(
        self, names: Collection[str], prefix: str
    ) -> str | None:
        """A message on weights that are known to be another model's, if they are."""
        return None

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any
    ) -> None:
        # ESPnet loads leniently: without this the weights of another model would leave
        # ours as it was initialised, and it would speak noise.
        missing = [n for n in self.state_dict() if prefix + n not in state_dict]
        if missing:
            raise UserError(
                self.explain_foreign_weights(state_dict.keys(), prefix)
                or f"these weights are not of this {type(self).__name__}: "
                f"{len(missing)} of its parameters are missing, "
                f"{', '.join(missing[:3])} ... among them"
            )
        super()._load_from_state_dict(state_dict, prefix, *args)
