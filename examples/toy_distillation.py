"""Eight Gaussians in the plane: a teacher of 16 steps, its student of one, one picture.

python3 examples/toy_distillation.py toy_distillation.png
"""

import math
import sys
from functools import partial

import matplotlib.pyplot as plt
import torch

from espnet_prodiff.diffusion import (
    Denoiser,
    NoiseSchedule,
    diffusion_loss,
    distillation_loss,
    sample,
    snr_times,
)

SCHEDULE = NoiseSchedule.cosine(1000)
TIMES = snr_times(SCHEDULE, 16, ends=(-3.0, 7.0))  # log-SNRs, -13 to 30 dB


class Network(torch.nn.Sequential):
    def forward(self, x_t, log_snr, cond=None, mask=None):  # (B, 2, 1), (B,)
        inputs = torch.cat([x_t[..., 0], log_snr[:, None] / 4], dim=1)
        return super().forward(inputs)[..., None]


def make_denoiser():
    sizes, layers = (3, 128, 128, 128, 2), []
    for size, next_size in zip(sizes, sizes[1:], strict=False):
        layers += [torch.nn.Linear(size, next_size), torch.nn.SiLU()]
    return Denoiser(Network(*layers[:-1]), SCHEDULE, "v", noise_cond="log_snr")


def points(num):
    angle = torch.randint(0, 8, (num,)) * math.pi / 4
    centre = torch.stack([angle.cos(), angle.sin()], dim=1)
    return (centre + 0.05 * torch.randn(num, 2))[..., None]


def train(denoiser, loss, updates):
    optimizer = torch.optim.Adam(denoiser.parameters(), lr=3e-3)
    rate = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, updates)
    for _ in range(updates):
        optimizer.zero_grad()
        loss(points(512)).backward()
        optimizer.step()
        rate.step()


def main(picture, updates=2000):
    torch.manual_seed(0)
    teacher, student = make_denoiser(), make_denoiser()
    options = {"times": "continuous", "weight": "snr_plus_one"}  # the error of v
    train(teacher, lambda x: diffusion_loss(teacher, x, **options), updates)
    student.load_state_dict(teacher.state_dict())
    # One step of the student learns where the teacher's 16 lead from the same noise.
    options = {"teacher_steps": 16, "timesteps": TIMES}
    loss = partial(distillation_loss, student, teacher, num_steps=1, **options)
    train(student, loss, updates // 2)
    x_T = torch.randn(2000, 2, 1)
    drawn = {
        "data": points(2000),
        "teacher, 16 steps": sample(teacher, x_T, TIMES),
        "teacher, 1 step": sample(teacher, x_T, TIMES[::16]),
        "student, 1 step": sample(student, x_T, TIMES[::16]),
    }
    panels = plt.subplots(1, 4, figsize=(12, 3.2), layout="tight")[1]
    for axes, (name, x) in zip(panels, drawn.items(), strict=True):
        axes.scatter(*x[..., 0].T, s=2, alpha=0.5)
        axes.set(title=name, aspect="equal", xlim=(-1.5, 1.5), ylim=(-1.5, 1.5))
    plt.savefig(picture)
    return drawn


if __name__ == "__main__":
    main(*sys.argv[1:])
