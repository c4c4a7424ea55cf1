"""From mel magnitudes to a wave, without training: torch alone, on any device.

Three ideas, one after the other:

- *Magnitudes.* The pseudo-inverse of the mel matrix, made to agree with the mel by a
  few multiplicative updates (as in non-negative matrix factorisation, Lee & Seung).
- *First phases.* The derivatives of the phase follow from those of the log-magnitude,
  as for a Gaussian window (Prusa et al. 2017, "A noniterative method for reconstruction
  of phase from STFT magnitude"). There a heap orders the integration; here every bin
  hangs on the peak of its frame that lies uphill, peaks go on in time and the others
  follow along the frequencies, so that a frame is two vector operations.
- *Rounds* of fast Griffin-Lim (Perraudin et al. 2013). What is kept of a round is not
  the first magnitudes but the mel: the magnitudes of the wave of the round before, made
  consistent with it again. They are those of a real signal, which the first are not.

Long mels are inverted in tiles: a frame depends on those that overlap it in every
round, so a tile with that margin equals the whole.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from espnet_prodiff.common.phase_integration import Start, integrate

TILE = 1024  # frames
MOMENTUM = 0.99
MOST = 5.0  # an update changes a magnitude by this factor at most
SMALLEST = 1e-8


class MelInversion(nn.Module):
    """Waves of magnitude mels.

    Args:
        mel_matrix: From magnitudes to mels, (n_mels, n_fft / 2 + 1).
        window: (n_fft,).
        hop_length: In samples.
        rounds: Of Griffin-Lim; 0 leaves the first phases as they are.
        first: What to start from, by a mel and a range of its frames: a `Start`, or
            complex spectra (F, bins); default: magnitudes that agree with the mel, and
            their analytic phases.
    """

    def __init__(
        self,
        mel_matrix: Tensor,
        window: Tensor,
        hop_length: int,
        rounds: int,
        first: Callable[[Tensor, int, int], Start | Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.first = first or self._analytic
        self.hop_length, self.rounds, self.n_fft = hop_length, rounds, len(window)
        self.mel_matrix = nn.Buffer(mel_matrix.float(), persistent=False)
        inverse = torch.linalg.pinv(mel_matrix.double()).float()
        self.inverse = nn.Buffer(inverse, persistent=False)
        # A bin changes by the mean of its bands; what no band covers stays as it is.
        weight = mel_matrix.sum(0).float()
        spread = self.mel_matrix / weight.clamp(min=SMALLEST)
        self.spread = nn.Buffer(spread, persistent=False)
        self.uncovered = nn.Buffer((weight <= 0).float(), persistent=False)
        self.window = nn.Buffer(window.float(), persistent=False)
        # The squared window, a row for each hop that it lasts.
        parts = -(-self.n_fft // hop_length)
        square = nn.functional.pad(window**2, (0, parts * hop_length - self.n_fft))
        envelope = square.float().view(parts, hop_length)
        self.envelope = nn.Buffer(envelope, persistent=False)
        # Of the Gaussian exp(-pi t^2 / gamma) with the second moment of the window.
        time = torch.arange(self.n_fft) - self.n_fft / 2
        moment = (time**2 * window**2).sum() / (window**2).sum()
        self.gamma = 4 * math.pi * float(moment)
        # Frames that overlap; so many may be anything beyond the ends, and so many more
        # are silent, that nothing beyond a tile has a say.
        self.overlap = parts

    @torch.no_grad()
    def forward(self, mels: Sequence[Tensor]) -> list[Tensor]:
        """Invert several mels; each comes out as it would alone.

        Args:
            mels: Magnitude mels, not logarithms, (F_i, n_mels) each.

        Returns:
            Waves, ((F_i - 1) * hop_length,) each, but at least one hop.
        """
        parts: list[list[Tensor]] = [[] for _ in mels]
        phases: list[Tensor | None] = [None] * len(mels)
        for start in range(0, max(len(mel) for mel in mels), TILE):
            running = [i for i, mel in enumerate(mels) if start < len(mel)]
            tiles = [
                _Tile(len(mels[i]), start, self.overlap, self.rounds) for i in running
            ]
            spectra = []
            for i, tile in zip(running, tiles, strict=True):
                spectrum, phases[i] = self._first(mels[i], tile, phases[i])
                spectra.append(spectrum)
            targets = [
                tile.place(mels[i][tile.first : tile.last])
                for i, tile in zip(running, tiles, strict=True)
            ]
            waves = self._rounds(_stack(spectra), _stack(targets), tiles)
            for i, tile, wave in zip(running, tiles, waves, strict=True):
                parts[i].append(tile.cut(wave, self.hop_length))
        return [torch.cat(part) for part in parts]

    def magnitudes(self, mel: Tensor) -> Tensor:
        """Magnitudes (F, n_fft / 2 + 1) that agree with a mel (F, n_mels)."""
        first = (mel @ self.inverse.T).clamp(min=1e-5)
        for _ in range(3):
            first = self.agree(first, mel)
        return first

    def agree(self, magnitudes: Tensor, mel: Tensor) -> Tensor:
        """One multiplicative update of magnitudes (..., F, bins) towards a mel."""
        return magnitudes * self._update(magnitudes, mel)

    def _update(self, magnitudes: Tensor, mel: Tensor) -> Tensor:
        ratio = mel / (magnitudes @ self.mel_matrix.T).clamp_(min=SMALLEST)
        ratio.clamp_(1 / MOST, MOST)
        return nn.functional.linear(ratio, self.spread.T, self.uncovered)

    def _first(
        self, mel: Tensor, tile: "_Tile", phase: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """First spectrum of a tile, (T, bins), and the phase where the next begins.

        Args:
            mel: The whole mel.
            tile: The tile.
            phase: That of the frame before the tile, in turns, (bins,); None at first.
        """
        # A frame more on either side, for the derivatives in time.
        before, after = max(tile.first - 2, 0), min(tile.last + 1, len(mel))
        start = self.first(mel, before, after)
        inner = slice(tile.first - before, tile.last - before)
        if isinstance(start, Tensor):
            return tile.place(start[inner]), None
        start = Start(*(values[inner] for values in start))
        turns = integrate(start, phase)
        passed = tile.next_first - tile.first
        following = turns[passed - 1] if passed else phase
        phases = turns * (2 * math.pi)
        return tile.place(torch.polar(start.magnitudes, phases)), following

    def _analytic(self, mel: Tensor, begin: int, end: int) -> Start:
        return self.analytic(self.magnitudes(mel[begin:end]))

    def analytic(self, magnitudes: Tensor) -> Start:
        """Derivatives of the phase from those of magnitudes (F, bins)."""
        log = magnitudes.clamp(min=SMALLEST).log()
        over_bins, over_frames = torch.zeros_like(log), torch.zeros_like(log)
        over_bins[:, 1:-1] = log[:, 2:] - log[:, :-2]
        over_frames[1:-1] = log[2:] - log[:-2]
        index = torch.arange(log.shape[1], device=log.device)
        turn = 2 * math.pi * self.hop_length / self.n_fft
        slope = self.hop_length * self.n_fft / (2 * self.gamma)
        bend = self.gamma / (2 * self.hop_length * self.n_fft)
        in_time = torch.remainder(turn * index, 2 * math.pi) + slope * over_bins
        in_frequency = -math.pi - bend * over_frames
        advance = torch.zeros_like(in_time)
        advance[1:] = (in_time[1:] + in_time[:-1]) / 2
        difference = torch.zeros_like(in_frequency)
        difference[:, 1:] = (in_frequency[:, 1:] + in_frequency[:, :-1]) / 2
        return Start(magnitudes, advance, difference, magnitudes)

    def _rounds(
        self, spectra: Tensor, mels: Tensor, tiles: Sequence["_Tile"]
    ) -> Tensor:
        """Griffin-Lim on tiles: spectra (B, T, bins), mels (B, T, n_mels) -> waves."""
        frames = torch.arange(spectra.shape[1], device=spectra.device)
        bounds = torch.tensor([tile.bounds() for tile in tiles]).to(frames)[..., None]
        # (B, T, 1): frames of the mel, and those or the free ones beside them.
        spoken = ((frames >= bounds[:, 1]) & (frames < bounds[:, 2]))[..., None]
        heard = ((frames >= bounds[:, 0]) & (frames < bounds[:, 3]))[..., None]
        free = heard.float()
        before = None
        for _ in range(self.rounds):
            # As pairs of reals, which torch squares and mixes in half the time.
            now = torch.view_as_real(self.stft(self.istft(spectra)))
            ahead = now if before is None else torch.lerp(before, now, 1 + MOMENTUM)
            before = now
            size = _square(now).clamp_(min=SMALLEST**2).sqrt_()
            factor = torch.where(spoken, self._update(size, mels), free).mul_(size)
            factor *= _square(ahead).clamp_(min=SMALLEST**2).rsqrt_()
            spectra = torch.view_as_complex(ahead) * factor
        return self.istft(spectra)

    def stft(self, waves: Tensor) -> Tensor:
        """Centred frames of waves (B, T_wav), (B, T, bins)."""
        return torch.stft(
            waves, self.n_fft, self.hop_length, window=self.window, return_complex=True
        ).transpose(1, 2)

    def istft(self, spectra: Tensor) -> Tensor:
        """Waves (B, (T - 1) * hop_length); torch.istft takes six times as long."""
        batch, frames, _ = spectra.shape
        hop, parts = self.hop_length, len(self.envelope)
        windowed = torch.fft.irfft(spectra, n=self.n_fft) * self.window
        if rest := parts * hop - self.n_fft:
            windowed = nn.functional.pad(windowed, (0, rest))
        windowed = windowed.view(batch, frames, parts, hop)
        waves = windowed.new_zeros(batch, frames + parts - 1, hop)
        weight = torch.zeros_like(waves[0])
        for part in range(parts):
            waves[:, part : part + frames] += windowed[:, :, part]
            weight[part : part + frames] += self.envelope[part]
        waves = (waves / weight.clamp(min=SMALLEST)).flatten(1)
        middle = self.n_fft // 2
        return waves[:, middle : middle + (frames - 1) * hop]


class _Tile:
    """Frames ``start`` to ``stop`` of a mel with a margin around them.

    Attributes:
        first: First frame of the mel that is needed.
        last: The frame behind the last.
        next_first: ``first`` of the next tile.
    """

    def __init__(self, frames: int, start: int, overlap: int, rounds: int) -> None:
        self.frames, self.start, self.free = frames, start, overlap
        margin = overlap * (rounds + 1)
        self.stop = min(start + TILE, frames)
        self.first = max(start - margin, 0)
        self.last = min(self.stop + margin, frames)
        self.next_first = max(self.stop - margin, 0)
        self.before = 2 * overlap if self.first == 0 else 0
        self.after = 2 * overlap if self.last == frames else 0

    def place(self, frames: Tensor) -> Tensor:
        """Put nothing beyond the ends of the mel, (F, C) -> (T, C)."""
        return nn.functional.pad(frames, (0, 0, self.before, self.after))

    def bounds(self) -> tuple[int, int, int, int]:
        """In the tile: the free frames' begin, the mel's begin and end, theirs."""
        end = self.before + self.last - self.first
        before, after = (self.free if edge else 0 for edge in (self.before, self.after))
        return self.before - before, self.before, end, end + after

    def cut(self, wave: Tensor, hop_length: int) -> Tensor:
        """The tile's own samples of a wave over all of it."""
        whole = self.stop == self.frames
        length = max(self.stop - self.start - whole, int(whole and self.start == 0))
        begin = (self.before + self.start - self.first) * hop_length
        return wave[begin : begin + length * hop_length]


def _square(pairs: Tensor) -> Tensor:
    """Squared magnitudes of complex numbers as pairs of reals, (..., 2) -> (...)."""
    real, imaginary = pairs.unbind(-1)
    return torch.addcmul(real * real, imaginary, imaginary)


def _stack(items: Sequence[Tensor]) -> Tensor:
    """Stack (T_i, C) with nothing behind the shorter ones, (B, T, C)."""
    return nn.utils.rnn.pad_sequence(list(items), batch_first=True)
