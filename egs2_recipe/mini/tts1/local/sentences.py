"""Random English sentences from a small grammar, each different, by a seed."""

import random
import re

_LISTS = {
    "name": "anna george maria oscar julia victor sophie thomas ruth hugo joyce ethan "
    "heather jonah phoebe vincent zoe theodore agnes walter beatrice charles ivy "
    "douglas eugene shirley matthew yvonne keith laura",
    "person": "the teacher|the old fisherman|my younger brother|a tired nurse|"
    "the village judge|our cheerful neighbour|a quiet stranger|the young violinist|"
    "her cousin|the night watchman|a famous chef|the shy librarian|his grandmother|"
    "the bus driver|an honest lawyer|the tall gardener|a clever engineer|"
    "the royal painter|your uncle|the chief pilot",
    "people": "the children|both sisters|the soldiers|these students|my parents|"
    "several visitors|the farmers|two young doctors|most sailors|the twelve jurors|"
    "few travellers|all the voters|the choir boys|those thieves",
    "adj": "red smooth narrow bright heavy ancient shallow golden rough fragile "
    "peculiar gentle frozen wooden empty huge polished strange cheap yellow violet "
    "thick loud royal broken curious delicious dusty foreign genuine greasy harsh "
    "lovely massive obvious precious rusty silver ugly vague weird",
    "noun": "bridge garden mirror ship window engine letter bottle feather treasure "
    "jacket vase river guitar mountain clock bicycle orange village pigeon ladder "
    "kitchen cushion thunderstorm onion machine hedge puzzle telephone leather "
    "garage orchard puddle voyage sandwich violin question chair shovel pathway "
    "beach journal cottage fountain measure vision joy noise cloud house boy "
    "year zebra cathedral wheel judge church breath cloth wolf pear boat fire",
    "object": "bread cheese mushrooms fresh juice warm soup oysters honey "
    "sugar berries chocolate tea coffee ginger noodles rhubarb yoghurt",
    "vt": "painted watched measured carried borrowed described ignored polished "
    "found chose followed pushed bought noticed fixed enjoyed judged covered "
    "wished_for laughed_at thought_about reached washed moved hid caught showed "
    "drew used threw shook imagined destroyed",
    "base": "paint watch measure carry borrow describe ignore find choose follow "
    "push buy notice fix enjoy judge cover reach wash move hide catch show draw "
    "use throw shake imagine",
    "vi": "whispered laughed vanished slept shouted arrived waited yawned jumped "
    "coughed hesitated disappeared sang danced stumbled argued smiled listened "
    "froze rejoiced sneezed wandered",
    "ving": "singing reading swimming fishing painting writing cooking dancing "
    "travelling arguing whistling thinking joking running drawing sewing",
    "place": "near the harbour|behind the church|under the bridge|in the kitchen|"
    "beside the fire|at the railway station|across the valley|above the clouds|"
    "inside the theatre|along the beach|through the thick forest|by the window|"
    "on the roof|around the corner|beyond the southern hills|between two houses|"
    "outside the museum|over the frozen lake|against the garage wall|"
    "in the middle of the road",
    "time": "yesterday|last thursday|this morning|every winter|before breakfast|"
    "after the storm|at midnight|in january|on sunday|during the show|"
    "many years ago|each evening|just now|in early june|at five o'clock|"
    "long before dawn|twice a year|all through july|later that month|"
    "without any warning",
    "adv": "quickly quietly never slowly usually hardly bravely suddenly gladly "
    "rarely softly anxiously obviously casually politely simply truly always",
    "number": "two three four five six seven eight nine ten eleven twelve thirteen "
    "fifteen twenty thirty forty sixty",
    "pnoun": "boxes birds stones houses shoes apples pictures horses buttons roses "
    "languages villages bridges watches leaves clothes knives toys jewels fish "
    "voices mice geese pages months garages vegetables",
    "reason": "the weather was too rough|nobody knew the answer|the road was closed|"
    "the music had stopped|it was already dark|the price was high|they were hungry|"
    "the train came late|he had lost his voice|she could not hear a thing|"
    "the coffee was cold|there was nothing to share|everyone enjoyed the view|"
    "the fog grew thick|a wheel had broken|the mayor chose otherwise",
    "that": "the moon was yellow|nothing had changed|the judge was wrong|"
    "the zoo would open soon|spring was near|the ship could not move|"
    "a choice was necessary|we should leave at once|the treasure was real|"
    "the northern path was safe|every child could read|the vision was unusual",
    "say": "said thought believed shouted agreed explained whispered promised wrote "
    "replied knew claimed",
    "wh": "why|when|how|where",
    "greet": "yes|no|well|oh|please|of course|by the way|honestly|unfortunately",
}
_WORDS = {
    key: [w.replace("_", " ") for w in (v.split("|") if "|" in v else v.split())]
    for key, v in _LISTS.items()
}

_TEMPLATES = (
    "{person} {vt} the {adj} {noun} {place}.",
    "{time}, {name} {vt} a {adj} {noun}.",
    "{people} {vt} {number} {adj} {pnoun} {time}.",
    "{name} and {name} {vi} {place}, because {reason}.",
    "did {person} {base} the {noun} {place}?",
    "{wh} did {people} {base} that {adj} {noun}?",
    "{name} {say} that {that}.",
    "{person} {adv} {vt} the {noun}, and {people} {vi}.",
    "{greet}, {people} {vi} {place} {time}.",
    "the {adj} {noun} {place} was {adj} and {adj}.",
    "{name} likes {ving} {place}, but {name} prefers {ving}.",
    "there were {number} {pnoun} and a {adj} {noun} {place}.",
    "{person} bought {number} {pnoun}, some {object}, and a {noun}.",
    "when {reason}, {people} {adv} {vi}.",
    "could you {base} the {adj} {noun} {time}?",
    "what a {adj} {noun}, {say} {person}!",
    "if {that}, would {name} {base} the {pnoun}?",
    "{people} {vi} {time}; {reason}.",
    "please {base} the {adj} {pnoun} {place}.",
    "{name} {vt} {person} {place}, though {reason}.",
    "neither the {noun} nor the {adj} {noun} {vi} {time}.",
    "how {adj} the {noun} looked {place}!",
    "{person} gave {name} a {adj} {noun} and {number} {pnoun}.",
    "{ving} is {adj}, {say} {name}, but {ving} is {adj}.",
)
_SLOT = re.compile(r"\{(\w+)\}")
_ARTICLE = re.compile(r"\ba (?=(?!use|eu)[aeiou]|hon|hour)")


def make_sentences(num_sentences: int, seed: int) -> list[str]:
    """Draw different sentences, every template in turn.

    Args:
        num_sentences: Number of sentences.
        seed: Of the random choices; a longer list starts with the shorter one.

    Returns:
        Lower-case English sentences with ordinary punctuation.
    """
    rng = random.Random(seed)
    sentences: list[str] = []
    seen: set[str] = set()
    decks: dict[str, list[str]] = {}
    while len(sentences) < num_sentences:
        template = _deal(rng, decks, "template", list(_TEMPLATES))
        used: set[str] = set()

        def fill(match: re.Match[str], used: set[str] = used) -> str:
            slot = match.group(1)
            word = _deal(rng, decks, slot, _WORDS[slot])
            while word in used:
                word = _deal(rng, decks, slot, _WORDS[slot])
            used.add(word)
            return word

        sentence = _ARTICLE.sub("an ", _SLOT.sub(fill, template))
        if sentence not in seen:
            seen.add(sentence)
            sentences.append(sentence)
    return sentences


def _deal(
    rng: random.Random, decks: dict[str, list[str]], key: str, words: list[str]
) -> str:
    """Deal from a shuffled deck, so that every word comes up equally often."""
    if not decks.get(key):
        decks[key] = rng.sample(words, len(words))
    return decks[key].pop()
