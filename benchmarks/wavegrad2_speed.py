"""Time and memory of a WaveGrad 2 denoising step, against the arithmetic floor.

The floor is the time that a float32 matrix product takes on the same threads for as
many operations as the network has when it is written down as in the paper: every
convolution of a UBlock at the rate of its output. (Ours makes fewer: the first one is
computed at the rate of its input.) How it is measured: see ``diffwave_speed.py``.

    python3 benchmarks/wavegrad2_speed.py --threads 2
    python3 benchmarks/wavegrad2_speed.py --threads 1 --clock cpu --memory_seconds 60

``--memory_seconds`` also prints the peak memory of a step of that much audio.
"""

import argparse
from collections.abc import Callable

import torch
from diffwave_speed import CLOCKS, measure, print_table
from memory import peak_memory

from espnet_prodiff.common.memory import keep_freed_memory
from espnet_prodiff.wavegrad2.blocks import Conv
from espnet_prodiff.wavegrad2.factors import upsample_factors
from espnet_prodiff.wavegrad2.network import WaveGradNetwork
from espnet_prodiff.wavegrad2.tiling import TiledNetwork

FS, HOP, COND_CHANNELS = 22050, 256, 512


def operations(network: WaveGradNetwork, frames: int) -> int:
    """Floating-point operations of a step as the paper writes it.

    Two for each weight of a convolution and sample of its output. The frames' own
    convolution is not among them: it is computed once for all steps. A convolution of
    one tap counts at the lower rate, where it gives the same with fewer operations.
    """
    rate, total = 1, 0

    def count(module: torch.nn.Module, rate: int) -> int:
        convs = [conv for conv in module.modules() if isinstance(conv, Conv)]
        return 2 * rate * sum(conv.weight.numel() for conv in convs)

    rates = []
    for blocks, factor in zip(network.up_blocks, network.factors, strict=True):
        total -= count(blocks[0].residual, rate * (factor - 1))
        rate *= factor
        rates.append(rate)
        total += count(blocks, rate)
    total += count(network.in_proj, rate) + count(network.out_proj, rate)
    for film, rate in zip(network.films, reversed(rates), strict=True):
        total += count(film, rate)
    for blocks, rate in zip(network.down_blocks, reversed(rates[:-1]), strict=True):
        total += count(blocks, rate)
    return frames * total


def make_network(size: str) -> WaveGradNetwork:
    """The paper's decoder for ``HOP``."""
    torch.manual_seed(0)
    return WaveGradNetwork(COND_CHANNELS, upsample_factors(HOP), size=size).eval()


def make_inputs(network: WaveGradNetwork, frames: int) -> tuple:
    """Wave, alpha and prepared frames of a step."""
    cond = network.prepare_cond(torch.randn(1, COND_CHANNELS, frames))
    return torch.randn(1, 1, frames * HOP), torch.tensor([0.7]), cond


def make_step(size: str, frames: int, tiled: bool, tile_frames: int | None) -> Callable:
    """A step, ready to be made."""
    network = make_network(size)
    inputs = make_inputs(network, frames)
    evaluate = TiledNetwork(network, tile_frames) if tiled else network
    return lambda: evaluate(*inputs)


def print_memory(args: argparse.Namespace) -> None:
    """Print the peak memory of a step."""
    frames = round(args.memory_seconds * FS / HOP)
    print("\n| a step | audio (s) | memory (MiB) |\n|---|---|---|")
    for name, tiled in (("ours, in tiles", True), ("ours, whole", False)):
        if tiled or args.whole:
            peak = peak_memory(make_step, args.size, frames, tiled, args.tile_frames)
            print(f"| {name} | {frames * HOP / FS:.2f} | {peak:.0f} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=6.04, help="of audio")
    parser.add_argument("--size", default="base", help="base or large")
    parser.add_argument("--tile_frames", type=int, help="default: ours")
    parser.add_argument("--whole", action="store_true", help="also without tiles")
    parser.add_argument("--memory_seconds", type=float, help="of audio")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_grad_enabled(False)
    keep_freed_memory()  # for all: without it page faults would be much of the time
    network = make_network(args.size)
    frames = round(args.seconds * FS / HOP)
    inputs = make_inputs(network, frames)
    tiled = TiledNetwork(network, args.tile_frames)
    runs = {"ours, in tiles": lambda: tiled(*inputs)}
    if args.whole:
        runs["ours, whole"] = lambda: network(*inputs)
    flop = operations(network, frames)
    results = measure(runs, flop, args.repeats, CLOCKS[args.clock])
    samples = frames * HOP
    print(
        f"{args.size}, {samples} samples ({samples / FS:.2f} s), {flop / 1e9:.0f} "
        f"GFLOP a step as in the paper, {args.threads} threads, {args.clock} clock, "
        f"torch {torch.__version__}\n"
    )
    print_table(results, samples / FS)
    if args.memory_seconds is not None:
        print_memory(args)


if __name__ == "__main__":
    main()
