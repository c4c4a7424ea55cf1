"""Tokens behind a text, and sources of noise."""

import torch

from espnet_prodiff.common.padding import (
    UtteranceNoise,
    append_eos,
    validation_generator,
)


def test_eos_follows_each_text():
    text = torch.tensor([[3, 4, 5], [6, 0, 0]])
    tokens, lengths = append_eos(text, torch.tensor([3, 1]), 9)
    assert tokens.tolist() == [[3, 4, 5, 9], [6, 9, 0, 0]]
    assert lengths.tolist() == [4, 2]


def test_validation_repeats_a_batch_and_differs_between_batches():
    def draws(*lengths):
        return torch.rand(50, generator=validation_generator(lengths))

    assert torch.equal(draws(7, 3), draws(7, 3))
    assert not torch.equal(draws(7, 3), draws(7, 4))


def test_noise_of_an_utterance_does_not_depend_on_its_batch():
    together = UtteranceNoise([5, 3], seed=1)(torch.empty(2, 1, 5))
    alone = UtteranceNoise([3], seed=1)(torch.empty(1, 1, 3))
    assert torch.equal(together[1, :, :3], alone[0]) and not together[1, :, 3:].any()
    louder = UtteranceNoise([3], seed=1, scale=2.0)(torch.empty(1, 1, 3))
    assert torch.equal(louder, 2 * alone)
