"""Corpus ``mspimprov``: MSP-IMPROV -> utterances.

What
    8438 turns of pairs of actors, English, sound and video. 20 sentences, each intended as anger, happiness, neutral or
    sadness: spoken in an improvised scene (652, the part ``target-improvised``) or read (620, ``target-read``); the
    rest of the scenes (4381, ``other-improvised``) and the talk between them (2785, ``natural``). The label is the
    emotion that most raters perceived; arousal, valence and dominance are means from 1 to 5.
Who
    Twelve actors, a woman and a man in each of six sessions. Busso, Parthasarathy, Burmania, AbdelWahab, Sadoughi,
    Mower Provost, "MSP-IMPROV: An acted corpus of dyadic interactions to study emotion perception", IEEE Transactions
    on Affective Computing 8(1), 2017, doi:10.1109/TAFFC.2016.2515617: counts and classes are its tables 3 and 4.
Licence
    On request, by a signed agreement, for research.
Source
    https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Improv.html. We have not seen the files.
Files
    ``session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav``, with its video beside it: sentence and intended emotion, sex and
    session of the speaker, condition (P natural, R read, S and T other and target improvised), two letters and the
    turn. Names of videos may begin with ``UTD-``, as in the labels. ``Evaluation.txt`` (also spelled
    ``Evalution.txt``): one block per utterance, first ``UTD-IMPROV-S01A-F01-P-FM01.avi; N; A:2.6; V:3.0; D:3.2;
    N:4.4;`` with the label (A, H, N, S, O other, X none) and activation, valence, dominance and naturalness, then one
    line per rater, ``rater; Neutral; ...``. In any folder.
Traps
    The A in S01A is the intended emotion, not the label, which is the perceived one. Naturalness is not used. The
    meaning of the two letters before the turn is not published, so a scene here has the turns of one sentence and
    session, in the order of their numbers; two speakers may have the same number. For the direction of the activation
    scale see the release. The two actors of a session hear each other: the protocol ``session`` leaves both out. An
    utterance without labels stays.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import Corpus, Protocol, require_folder
from affex.pipeline.corpora.example_tree import lay, lay_text
from affex.pipeline.corpora.search import Found, Take
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.text.errors import CorpusError

TABLES = ("Evaluation.txt", "Evalution.txt")
LABELS: dict[str, str | None] = {
    "A": "anger",
    "H": "happiness",
    "N": "neutral",
    "S": "sadness",
    "O": "other",
    "X": None,
}
#: The raters' words for the classes.
CHOICES = {"angry": "anger", "happy": "happiness", "neutral": "neutral", "sad": "sadness", "other": "other"}
CONDITIONS = {"P": "natural", "R": "target-read", "S": "other-improvised", "T": "target-improvised"}
#: The kind of dialog of each condition; read utterances belong to none.
SCENES = {"P": "natural", "S": "improvised", "T": "improvised"}
SEXES = {"F": "female", "M": "male"}
SCALE = (1.0, 5.0)

NAME = re.compile(
    r"(?:.*/)?(?:MSP|UTD)-IMPROV-(?P<id>(?P<sentence>S\d\d[AHNS])-(?P<speaker>[FM](?P<session>\d\d))-"
    r"(?P<condition>[PRST])-[A-Z]+(?P<turn>\d+))",
    re.IGNORECASE,
)
HEAD = re.compile(r"(?P<name>UTD-IMPROV-[^;]+)\.avi\s*;\s*(?P<label>\w*)\s*;(?P<values>.*)", re.IGNORECASE)
VALUE = re.compile(r"\b([AVD])\s*:\s*([\d.]+)")


@dataclass(frozen=True)
class Rated:
    """The raters' result for an utterance: class, means of the dimensions, each rater's own choice and name."""

    label: str | None = None
    arousal: float | None = None
    valence: float | None = None
    dominance: float | None = None
    votes: tuple[tuple[str, ...], ...] = ()
    raters: tuple[str, ...] = ()


def find(root: Path) -> Found:
    """Return the utterances, by sentence, speaker and turn."""
    require_folder(root, f"MSP-IMPROV's {TABLES[0]} and session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav")
    paths = search.below(root)
    table, takes = search.first(root, paths, *TABLES), search.takes(paths, _id)
    if table is None or not takes.of:
        raise CorpusError(
            f"{root} does not hold MSP-IMPROV: looked for {TABLES[0]} in it and all its folders, and for 8438 files "
            "such as session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav, and did not find both. They are given on request: "
            f"see {CORPUS.source}"
        )
    rated = dict(_blocks(table))
    without = sum(id_ not in rated for id_ in takes.of)
    remarks = [f"mspimprov: {without} utterances have no labels in {table.name}"] if without else []
    utterances = (_utterance(id_, takes.of[id_], rated.get(id_, Rated())) for id_ in sorted(takes.of))
    return takes.found("mspimprov", utterances, remarks)


def _id(name: str) -> str | None:
    """Return the id of a file's utterance, without the corpus's name; None for other files."""
    match = NAME.fullmatch(name)
    return match["id"].upper() if match else None


def _blocks(table: Path) -> Iterator[tuple[str, Rated]]:
    """Yield utterance and labels of each block of the table."""
    id_, rated = None, Rated()
    for number, line in enumerate(search.text(table).splitlines(), 1):
        if head := HEAD.match(line.strip()):
            if id_:
                yield id_, rated
            id_, rated = _id(head["name"]), _means(table, number, head)
        elif vote := _vote(line):
            rater = line.partition(";")[0].strip()
            rated = replace(rated, votes=(*rated.votes, vote), raters=(*rated.raters, rater))
    if id_:
        yield id_, rated


def _means(table: Path, number: int, head: re.Match[str]) -> Rated:
    """Return the labels of a block's first line."""
    if head["label"].upper() not in LABELS:
        raise CorpusError(
            f"{table}, line {number}: the label is '{head['label']}', expected one of {', '.join(LABELS)}."
        )
    values = {name: float(value) for name, value in VALUE.findall(head["values"])}
    for name, value in values.items():
        if not SCALE[0] <= value <= SCALE[1]:
            raise CorpusError(f"{table}, line {number}: {name} is {value:g}, expected {SCALE[0]:g} to {SCALE[1]:g}.")
    return Rated(LABELS[head["label"].upper()], values.get("A"), values.get("V"), values.get("D"))


def _vote(line: str) -> tuple[str, ...]:
    """Return the choice in a rater's line; empty for other lines."""
    _, found, rest = line.partition(";")
    words = (word.strip().lower() for word in rest.partition(";")[0].split(","))
    return tuple(CHOICES.get(word, word) for word in words if word) if found else ()


def _utterance(id_: str, take: Take, rated: Rated) -> Utterance:
    sentence, speaker, condition, last = id_.split("-")
    scene = SCENES.get(condition)
    return Utterance(
        id=id_,
        corpus="mspimprov",
        speaker=speaker,
        label=rated.label,
        audio=take.audio,
        video=take.video,
        part=CONDITIONS[condition],
        session=speaker[1:],
        dialog=f"{sentence}-{speaker[1:]}-{scene}" if scene else None,
        turn=int(re.sub(r"\D", "", last)) if scene else None,
        sentence=sentence[:3] if condition in "RT" else None,
        sex=SEXES[speaker[0]],
        votes=rated.votes,
        raters=rated.raters if all(rated.raters) else (),
        arousal=rated.arousal,
        valence=rated.valence,
        dominance=rated.dominance,
    )


def example(root: Path) -> Path:
    """Lay out two sessions, each condition, and the labels."""
    listed = {
        "S01A-F01-P-FM01": "N; A:2.6; V:3.0; D:3.2; N:4.4;\nrater-p1; Neutral; Neutral; A:3; V:3; D:3; N:4;"
        "\nrater-p2; Neutral; Neutral; A:2; V:3; D:3; N:5;",
        "S01A-M01-S-FM02": "A; A:4.0; V:1.5; D:3.5; N:4.0;\nrater-p1; Angry; Frustrated; A:4; V:1; D:4; N:4;",
        "S01A-F01-T-FM05": "X; A:3.0; V:2.5; D:3.0; N:3.0;\nrater-p2; Sad; Sad; A:3; V:2; D:3; N:3;",
        "S12H-F02-R-FF01": "H; A:3.3; V:4.3; D:3.0; N:2.0;\nrater-p2; Happy; Happy; A:3; V:4; D:3; N:2;",
    }
    folders = {name: f"session{name[7]}/{name[:4]}/{name[9]}" for name in listed}
    lay(root, *(f"{folders[name]}/MSP-IMPROV-{name}.{ending}" for name in listed for ending in ("wav", "avi")))
    return lay_text(root, TABLES[0], *(f"UTD-IMPROV-{name}.avi; {rest}\n" for name, rest in listed.items()))


FOUR = "anger,happiness,neutral,sadness"
ALL_FOUR = {"neutral": 3477, "happiness": 2644, "sadness": 885, "anger": 792}

CORPUS = Corpus(
    name="mspimprov",
    title="MSP-IMPROV: 8438 turns of 12 actors in 6 sessions, 4 emotions, votes, audio and video, English",
    licence="on request, by a signed agreement, for research",
    source="https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Improv.html",
    cites=("busso2017",),
    language="English",
    also=("MSP-IMPROV", "IMPROV"),
    find=find,
    counts={"natural": 2785, "target-read": 620, "other-improvised": 4381, "target-improvised": 652},
    protocols=(
        Protocol("session", "session", classes=FOUR, counts=ALL_FOUR),
        Protocol("loso", classes=FOUR, counts=ALL_FOUR),
        *(Protocol(name, "session", target=name) for name in ("arousal", "valence", "dominance")),
    ),
    example=example,
    speaker_key=r"-([FM]\d\d)-",
    text_key=r"(S\d\d)[A-Z]-[FM]\d\d-[RT]-",
)
