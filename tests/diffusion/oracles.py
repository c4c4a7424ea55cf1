"""Denoisers that are exactly right for simple data, in closed form."""

import torch
from torch import nn

from espnet_prodiff.diffusion import Denoiser, NoiseSchedule


class GaussianOracle(nn.Module):
    """E[x_0 | x_t] for data N(mean, variance), given alpha."""

    def __init__(self, mean=0.0, variance=1.0):
        super().__init__()
        self.mean, self.variance = mean, variance

    def forward(self, x_t, alpha, cond, mask):
        alpha = alpha.view(-1, *[1] * (x_t.dim() - 1))
        total = alpha**2 * self.variance + (1 - alpha**2)
        gain = alpha * self.variance / total
        return self.mean + gain * (x_t - alpha * self.mean)


class MixtureOracle(nn.Module):
    """E[x_0 | x_t] for a mixture of Gaussians in one dimension, given alpha."""

    def __init__(self, means=(-1.0, 0.4, 2.0), variances=(0.05, 0.2, 0.01)):
        super().__init__()
        self.means = torch.tensor(means, dtype=torch.float64)
        self.variances = torch.tensor(variances, dtype=torch.float64)

    def forward(self, x_t, alpha, cond, mask):
        alpha = alpha.view(-1, *[1] * x_t.dim())
        x_t = x_t.unsqueeze(-1)
        total = alpha**2 * self.variances + 1 - alpha**2
        offset = x_t - alpha * self.means
        share = torch.softmax(-(offset**2) / total / 2 - total.log() / 2, dim=-1)
        posterior = self.means + alpha * self.variances / total * offset
        return (share * posterior).sum(-1)


class Slopes(nn.Module):
    """x_0 = k(t) x_t with one slope a time: all a Gaussian student needs."""

    def __init__(self, slopes):
        super().__init__()
        self.slopes = slopes

    def forward(self, x_t, noise_cond, cond, mask):
        k = [self.slopes[round(t, 6)] for t in noise_cond.tolist()]
        return torch.tensor(k, dtype=x_t.dtype).view(-1, 1, 1) * x_t


def oracle(network, schedule) -> Denoiser:
    return Denoiser(network, schedule, "x_0", noise_cond="alpha")


def exact_cosine(num_train_steps: int) -> NoiseSchedule:
    """The cosine schedule without the clipping of its noisy end: alpha(T) = 0."""
    angle = torch.linspace(0, torch.pi / 2, num_train_steps + 1, dtype=torch.float64)
    alphas = angle.cos()
    alphas[-1] = 0
    return NoiseSchedule(alphas)
