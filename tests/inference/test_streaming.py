"""Texts of several sentences: as each alone, one after the other."""

import pytest
import torch

from espnet_prodiff.errors import TextError
from espnet_prodiff.inference.sentences import SENTENCE_PAUSE, split_sentences
from espnet_prodiff.inference.streaming import TOGETHER
from espnet_prodiff.inference.text2speech import Text2Speech
from tests.integration.tiny_models import write_model

SENTENCES = ["hello there.", "i am here, as you see.", "go."]
TEXT = " ".join(SENTENCES)
PAUSE = round(SENTENCE_PAUSE * 22050)


@pytest.fixture(scope="module")
def text2speech(tmp_path_factory):
    return Text2Speech(*write_model(tmp_path_factory.mktemp("model")))


def test_each_sentence_sounds_as_it_does_alone(text2speech):
    outputs = list(text2speech.stream(TEXT, seed=3, num_steps=2))
    assert [out["text"] for out in outputs] == SENTENCES
    for number, (sentence, out) in enumerate(zip(SENTENCES, outputs, strict=True)):
        alone = text2speech(sentence, seed=3, num_steps=2)
        samples = len(alone["wav"])
        torch.testing.assert_close(
            out["wav"][:samples], alone["wav"], atol=1e-3, rtol=0
        )
        silence = 0 if number == 2 else PAUSE
        assert out["wav"][samples:].tolist() == [0.0] * silence
        assert out["phones"] == alone["phones"]


def test_a_call_is_the_stream_joined(text2speech):
    outputs = list(text2speech.stream(TEXT, seed=3))
    joined = text2speech(TEXT, seed=3)
    for key in ("wav", "feat_gen", "feat_gen_denorm", "duration", "pitch", "energy"):
        assert torch.equal(joined[key], torch.cat([out[key] for out in outputs])), key
    assert joined.keys() == outputs[0].keys() - {"text"}
    assert int(joined["duration"].sum()) == len(joined["feat_gen"])
    phones = [phone for out in outputs for phone in out["phones"]]
    assert [p.token for p in joined["phones"]] == [p.token for p in phones]
    second = joined["phones"][len(outputs[0]["phones"])]
    assert second.start == pytest.approx(len(outputs[0]["wav"]) / 22050)
    batch = text2speech.batch(["go.", TEXT], seed=3)
    assert torch.equal(batch[1]["wav"], joined["wav"])
    assert batch[0].keys() == joined.keys()


def test_one_sentence_is_what_it_was(text2speech):
    ids = text2speech.text_to_ids("hello there.")
    whole = text2speech(torch.from_numpy(ids), seed=1)
    assert torch.equal(text2speech("hello there.", seed=1)["wav"], whole["wav"])


def test_pauses_go_with_the_speed_and_breaks_are_heard(text2speech):
    first, last = text2speech.stream('go.<break time="1s"/> go.', seed=1, speed=2.0)
    assert len(first["wav"]) - len(last["wav"]) == round(1.0 / 2 * 22050)


def test_the_first_sentence_comes_before_the_others_are_made(text2speech, monkeypatch):
    made = []
    plain = text2speech.features

    def spy(items, conf):
        made.append(len(items))
        return plain(items, conf)

    monkeypatch.setattr(text2speech, "features", spy)
    text = "go. " * (TOGETHER + 3)
    outputs = text2speech.stream(text, num_steps=1)
    next(outputs)
    assert made == [1]
    assert len(list(outputs)) == TOGETHER + 2 and made == [1, TOGETHER, 2]


def test_no_token_of_a_long_text_is_lost(text2speech):
    text = " ".join(
        f"{'so ' * (1 + n % 5)}we go on, {'x' * (n % 7)}." for n in range(60)
    )
    tokens = [phone.token for phone in text2speech(text, num_steps=1)["phones"]]
    expected = []
    for sentence, _ in split_sentences(text):
        ids = text2speech.text_to_ids(sentence)
        expected += [text2speech.train_args.token_list[i] for i in ids] + ["<sos/eos>"]
    assert tokens == expected and len(tokens) > 800


def test_a_sentence_that_cannot_be_spoken_is_named(text2speech):
    outputs = text2speech.stream("go. go. oh \u65e5\u672c my. go.", num_steps=1)
    said = []
    with pytest.raises(TextError, match="sentence 3 of 4: .*\u65e5"):
        for out in outputs:
            said.append(out["text"])
    assert said == ["go.", "go."]


def test_memory_does_not_grow_with_the_text(text2speech, peak_memory):
    def read(count):
        for _ in text2speech.stream("well, we all go on. " * count, num_steps=1):
            pass

    read(1)
    assert peak_memory(lambda: read(40)) < 1.2 * peak_memory(lambda: read(16))
