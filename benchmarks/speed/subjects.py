"""All subjects by group and name, and which of them go through the further parts."""

from speed import acoustic, speech, training, vocoders
from speed.subject import Subject

GROUPS = {
    "text to mel": acoustic.SUBJECTS,
    "mel to wave": vocoders.SUBJECTS,
    "text to wave": speech.SUBJECTS,
    "update, paper size": training.PAPER,
    "update, mini size": training.MINI,
}
SUBJECTS: dict[str, dict[str, Subject]] = {
    group: {subject.name: subject for subject in subjects}
    for group, subjects in GROUPS.items()
}
# What the others of a group are compared with, turn by turn, in fp32.
REFERENCES = {
    "text to mel": [
        "ESPnet ProDiff, 2 steps",
        "ESPnet ProDiff at the mini size, 2 steps",
    ],
    "mel to wave": ["HiFi-GAN V2", "ESPnet Griffin-Lim, 32 rounds"],
    "text to wave": ["ESPnet JETS", "ESPnet ProDiff, 2 steps, its Griffin-Lim"],
    "update, paper size": ["ESPnet ProDiff", "teacher"],
    "update, mini size": ["ESPnet ProDiff", "teacher"],
}
OURS = {
    "text to mel": ["student of 8 x 160, 1 step"],
    "mel to wave": ["built-in vocoder", "spectral vocoder"],
    "text to wave": ["mini quarter-cost student, spectral vocoder"],
}
PEERS = {
    "text to mel": [*OURS["text to mel"], "ESPnet ProDiff, 2 steps"],
    "mel to wave": [*OURS["mel to wave"], "HiFi-GAN V2"],
    "text to wave": OURS["text to wave"],
}
CHOSEN = {"lengths": PEERS, "batches": OURS, "memory": PEERS}
