"""Unread: corpora that many people have and that have no reader here yet, and what to do about each.

Beside the arrow from a corpus's name to its reader: whoever asks for one of them is told how to bring it in as a
table, and by which rule its file names say speaker and label, where they do.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from affex.pipeline.corpora.base import Corpus
from affex.pipeline.text import errors
from affex.pipeline.text.errors import UsageError

#: How alike a misspelt name and a known one are at least (`difflib.SequenceMatcher.ratio`).
ALIKE = 0.7


@dataclass(frozen=True)
class Unread:
    """A corpus without a reader.

    Parameters
    ----------
    title
        What its authors call it.
    says
        What says who speaks and what the label is.
    example
        A file's path; empty where no rule reads names.
    rule
        A regular expression that finds ``speaker`` and ``label`` in a path; empty likewise.
    like
        The corpus here whose reader reads names by such a rule, to be copied.
    also
        Its other names.
    """

    title: str
    says: str
    example: str = ""
    rule: str = ""
    like: str = ""
    also: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All its names, in one spelling."""
        return tuple(map(plain, (self.title, *self.also)))

    def read(self, path: str) -> tuple[str, str] | None:
        """Return speaker and label of a file by the rule, None where it says none."""
        said = re.search(self.rule, path) if self.rule else None
        return (said["speaker"], said["label"]) if said else None

    @property
    def advice(self) -> str:
        """What to do about it, in sentences."""
        name = plain(self.title)
        table = (
            f"{self.title} has no reader of its own here. List it in a table with the columns file, speaker, label, "
            f"and say DATASET=csv DATA={name}.csv. {self.says}"
        )
        if not self.rule:
            return table
        speaker, label = self.read(self.example) or ("", "")
        return (
            f"{table} Its names can be read by a rule: {self.example} is speaker {speaker}, label {label}, by the "
            f"regular expression\n    {self.rule}\nA reader is one file, too: {self.like} would do to copy "
            f"(pipeline/corpora/{self.like}.py; see CONTRIBUTING.md)."
        )


#: Facts as their authors and users give them; we have not read these corpora.
UNREAD = (
    Unread(
        "MELD",
        "Its tables train_sent_emo.csv, dev_sent_emo.csv and test_sent_emo.csv say Speaker, Emotion and which video a "
        "row is of (dia<Dialogue_ID>_utt<Utterance_ID>.mp4); the same names recur in each split, so give each its "
        "folder.",
    ),
    Unread(
        "TESS",
        "It has two speakers: OA is OAF misspelt, ps is a pleasant surprise.",
        "OAF_back_angry.wav",
        r"(?P<speaker>[OY]AF?)_\w+_(?P<label>angry|disgust|fear|happy|neutral|ps|sad)\.wav",
        "emodb",
        ("Toronto", "Toronto emotional speech set"),
    ),
    Unread(
        "ESD",
        "Speakers 0001 to 0010 speak Mandarin, the others English.",
        "0011/Angry/0011_000351.wav",
        r"(?P<speaker>00[012]\d)/(?P<label>Angry|Happy|Neutral|Sad|Surprise)/",
        "rml",
        ("Emotional Speech Dataset",),
    ),
    Unread(
        "CaFE",
        "C is anger (colère), D disgust, J happiness (joie), N neutral, P fear (peur), S surprise, T sadness; odd "
        "numbers are men.",
        "CaFE_48k/Peur/Fort/12-P-2-5.wav",
        r"(?P<speaker>\d\d)-(?P<label>[CDJNPST])(?:-\d)+\.wav",
        "ravdess",
    ),
    Unread(
        "JL-Corpus",
        "It has four speakers.",
        "male2_concerned_6b_1.wav",
        r"(?P<speaker>(?:fe)?male\d)_(?P<label>[a-z]+)_\w+\.wav",
        "emodb",
        ("JL",),
    ),
    Unread(
        "EMOVO",
        "dis is disgust, gio joy, neu neutral, pau fear, rab anger, sor surprise, tri sadness.",
        "f2/gio-f2-b2.wav",
        r"(?P<label>dis|gio|neu|pau|rab|sor|tri)-(?P<speaker>[fm]\d)-\w+\.wav",
        "ravdess",
    ),
    Unread(
        "ShEMO",
        "A is anger, F fear, H happiness, N neutral, S sadness, W surprise.",
        "male/M36S02.wav",
        r"(?P<speaker>[FM]\d\d)(?P<label>[AFHNSW])\d+\.wav",
        "emodb",
        ("Sharif",),
    ),
    Unread(
        "SUBESCO",
        "Speakers are numbered within their sex.",
        "F_10_FAHMEE_S_6_FEAR_5.wav",
        r"(?P<speaker>[FM]_\d\d)_\w+_S_\d+_(?P<label>[A-Z]+)_\d+\.wav",
        "cremad",
    ),
    Unread(
        "URDU",
        "A is anger, H happiness, N neutral, S sadness; 26 of its 29 speakers have one class only.",
        "Neutral/SM20_F8_N012.wav",
        r"(?P<speaker>S[FM]\d+)_F\d+_(?P<label>[AHNS])\d+\.wav",
        "emodb",
    ),
    Unread("nEMO", "Its table data.tsv says file_id, emotion and speaker_id; the file is samples/<file_id>.wav."),
    Unread(
        "AESDD",
        "a is anger, d disgust, f fear, h happiness, s sadness; 1 and 01 are one speaker.",
        "anger/a03 (3).wav",
        r"(?P<label>[adfhs])\d\d \((?P<speaker>\d+)\)b?\.wav",
        "savee",
    ),
    Unread("MSP-Podcast", "Its table of consensus labels says FileName, SpkrID, EmoClass and Split_Set."),
    Unread(
        "MSP-IMPROV",
        "Its Evaluation.txt says the labels; the fifth part of a name, as F01 in MSP-IMPROV-S01A-F01-P-FM01.wav, is "
        "the speaker.",
    ),
    Unread(
        "MEAD",
        "Films lie likewise, below video.",
        "W019/audio/neutral/level_1/020.m4a",
        r"(?P<speaker>[MW]\d{3})/(?:\w+/)+?(?P<label>[a-z]+)/level_\d/",
        "rml",
    ),
    Unread(
        "CH-SIMS",
        "Its table says video_id, clip_id and label (sentiment, to be called valence); the file is "
        "<video_id>/<clip_id>.mp4.",
        also=("SIMS",),
    ),
)


def plain(name: str) -> str:
    """Return a name as it is compared: small letters and digits alone."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def unknown(name: str, corpora: Mapping[str, Corpus]) -> UsageError:
    """Return the error for a corpus that has no reader: what it is called here, or how to bring it in, or the nearest.

    Parameters
    ----------
    name
        What was asked for.
    corpora
        Those that have a reader.
    """
    asked = plain(name)
    of_name = dict(_known(corpora.values()))
    if isinstance(found := of_name.get(asked), Unread):
        return UsageError(found.advice)
    if found is not None:
        return UsageError(f"There is no corpus '{name}': here it is called {found}, as in DATASET={found}.")
    nearest = difflib.get_close_matches(asked, of_name, n=1, cutoff=ALIKE)
    meant = of_name[nearest[0]] if nearest else None
    if isinstance(meant, Unread):
        return UsageError(f"There is no corpus '{name}'. Did you mean {meant.title}? {meant.advice}")
    if meant is not None:
        return UsageError(f"There is no corpus '{name}'. Did you mean {meant}?\nKnown: {', '.join(sorted(corpora))}.")
    return errors.unknown("corpus", name, corpora)


def _known(corpora: Iterable[Corpus]) -> Iterator[tuple[str, Unread | str]]:
    """Yield each name in one spelling, and what it names: a corpus without a reader, or what one is called here."""
    for corpus in corpora:
        yield from ((plain(name), corpus.name) for name in (corpus.name, *corpus.also))
    for unread in UNREAD:
        yield from ((name, unread) for name in unread.names)
