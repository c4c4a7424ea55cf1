"""The learned aligner: ESPnet's JETS alignment module over token embeddings.

Badlani et al., "One TTS Alignment To Rule Them All" (arXiv:2108.10447): frame-token
distances, a beta-binomial prior, the forward-sum loss over all monotonic paths, and
the binarisation loss towards the best path.
"""

import torch
from espnet2.gan_tts.jets.alignments import AlignmentModule, viterbi_decode
from espnet2.gan_tts.jets.loss import ForwardSumLoss
from torch import Tensor, nn

from espnet_prodiff.alignment.refinement import TokenGaussians
from espnet_prodiff.errors import UserError


class Attention(AlignmentModule):
    """ESPnet's module, without a (frames x tokens x channels) tensor in memory.

    Same parameters, same result up to rounding; several times faster.
    """

    def forward(
        self,
        text: Tensor,
        feats: Tensor,
        text_lengths: Tensor,
        feats_lengths: Tensor,
        x_masks: Tensor,
    ) -> Tensor:
        """Return the log attention (B, T_feats, T_text); arguments as in ESPnet's."""
        text = self.t_conv2(self.t_conv1(text.transpose(1, 2)).relu())
        feats = self.f_conv2(self.f_conv1(feats.transpose(1, 2)).relu()).relu()
        distance = torch.cdist(
            self.f_conv3(feats).transpose(1, 2),
            text.transpose(1, 2),
            compute_mode="use_mm_for_euclid_dist",
        )
        scores = (-distance).masked_fill(x_masks[:, None], -torch.inf)
        prior = self._generate_prior(text_lengths, feats_lengths).to(scores)
        return scores.log_softmax(dim=-1) + prior


class Aligner(nn.Module):
    """Aligns ``num_tokens`` tokens with mel frames of ``num_mels`` bands.

    A sequence is [lead, token 1, ..., token N, eos]. `lead` is an additional symbol for
    the silence before the first token, so that no token's embedding has to stand for
    silence as well as for its sound; its frames are added to the first token. `eos` is
    the last of the token list, appended as in FastSpeech2, and takes the silence at the
    end.
    """

    def __init__(self, num_tokens: int, num_mels: int, channels: int = 128) -> None:
        super().__init__()
        self.num_tokens, self.num_mels, self.channels = num_tokens, num_mels, channels
        self.embedding = nn.Embedding(num_tokens + 1, channels)
        # The cache would keep a prior for every pair of lengths in memory.
        self.attention = Attention(channels, num_mels, cache_prior=False)
        self.forward_sum = ForwardSumLoss()
        self.gaussians = TokenGaussians(num_tokens + 1, num_mels)
        # Of each mel band, to normalise with.
        self.mean = nn.Buffer(torch.zeros(num_mels))
        self.std = nn.Buffer(torch.ones(num_mels))

    def log_attention(
        self, tokens: list[Tensor], mels: list[Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Score every frame against every position.

        Args:
            tokens: Token ids without eos, each (N,), N >= 1.
            mels: Log-mel frames, not normalised, each (L, num_mels).

        Returns:
            Log attention with the prior (B, L, N + 2), positions (B,), frames (B,).
        """
        device = self.mean.device
        texts = [self._symbols(t) for t in tokens]
        text_lengths = torch.tensor([len(t) for t in texts])
        mel_lengths = torch.tensor([len(m) for m in mels])
        text = nn.utils.rnn.pad_sequence(texts, batch_first=True).to(device)
        frames = [self._normalize(m) for m in mels]
        feats = nn.utils.rnn.pad_sequence(frames, batch_first=True)
        positions = torch.arange(text.size(1))
        padding = (positions >= text_lengths[:, None]).to(device)
        embedded = self.embedding(text).masked_fill(padding[..., None], 0.0)
        scores = self.attention(embedded, feats, text_lengths, mel_lengths, padding)
        return scores, text_lengths, mel_lengths

    def forward(
        self, tokens: list[Tensor], mels: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return the forward-sum and the binarisation loss of a batch, two scalars.

        The arguments are those of `log_attention`, with L >= N + 2.
        """
        scores, text_lengths, mel_lengths = self.log_attention(tokens, mels)
        forward_sum = self.forward_sum(scores, text_lengths, mel_lengths)
        _, binarisation = viterbi_decode(scores, text_lengths, mel_lengths)
        return forward_sum, binarisation

    @torch.no_grad()
    def observe(self, tokens: Tensor, mel: Tensor) -> None:
        """Add an utterance, aligned by the attention, to the refinement's statistics.

        The arguments are those of `align`, with L >= N + 2.
        """
        durations, _ = self._attend(tokens, mel)
        self.gaussians.observe(self._symbols(tokens), self._normalize(mel), durations)

    @torch.no_grad()
    def align(self, tokens: Tensor, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Find the durations of one utterance.

        Args:
            tokens: Token ids without eos (N,).
            mel: Log-mel frames, not normalised (L, num_mels).

        Returns:
            Durations in frames (N + 1,), long, at least 1 each, the last being eos',
            sum L; and the log attention (L, N + 1).

        Raises:
            UserError: There is no token, there are fewer frames than tokens and eos,
                or the scores are not finite.
        """
        if len(tokens) == 0:
            raise UserError("no tokens")
        if len(mel) < len(tokens) + 1:
            raise UserError(f"{len(mel)} frames for {len(tokens)} tokens and eos")
        if len(mel) == len(tokens) + 1:  # one path only, and no frame for lead
            attention = torch.eye(len(mel)).log()
            return torch.ones(len(tokens) + 1, dtype=torch.long), attention
        durations, scores = self._attend(tokens, mel)
        if self.gaussians.count.any():
            symbols = self._symbols(tokens)
            durations = self.gaussians.refine(symbols, self._normalize(mel), durations)
        durations[1] += durations[0]
        first = torch.logaddexp(scores[:, :1], scores[:, 1:2])
        return durations[1:], torch.cat([first, scores[:, 2:]], dim=1)

    def _attend(self, tokens: Tensor, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Return the attention's durations (N + 2,), and log attention (L, N + 2)."""
        scores, text_lengths, mel_lengths = self.log_attention([tokens], [mel])
        if not torch.isfinite(scores).all():
            raise UserError("the alignment scores are not finite")
        durations, _ = viterbi_decode(scores, text_lengths, mel_lengths)
        return durations[0].long().cpu(), scores[0].cpu()

    def _symbols(self, tokens: Tensor) -> Tensor:
        lead, eos = self.num_tokens, self.num_tokens - 1
        return torch.cat([torch.tensor([lead]), tokens.cpu(), torch.tensor([eos])])

    def _normalize(self, mel: Tensor) -> Tensor:
        return (mel.to(self.mean.device) - self.mean) / self.std
