from espnet_prodiff.inference.batches import similar_lengths


def padding(batches, lengths):
    padded = [len(batch) * max(lengths[i] for i in batch) for batch in batches]
    return [
        size / sum(lengths[i] for i in batch) - 1
        for size, batch in zip(padded, batches, strict=True)
    ]


def test_every_utterance_is_in_one_batch_with_its_like():
    lengths = [50, 3, 48, 120, 4, 47, 119, 5]
    batches = similar_lengths(lengths)
    assert sorted(sum(batches, [])) == list(range(8))
    assert batches == [[1, 4, 7], [5, 2, 0], [6, 3]]
    assert max(padding(batches, lengths)) <= 0.25


def test_equal_lengths_stay_together_up_to_the_bound():
    assert similar_lengths([7] * 5) == [[0, 1, 2, 3, 4]]
    assert similar_lengths([7] * 5, most=14) == [[0, 1], [2, 3], [4]]
    assert similar_lengths([7, 99], most=14) == [[0], [1]]
    assert similar_lengths([]) == []
