"""Draw the pictures of README and of the front page, from the synthetic corpus ``demo``.

::

    .venv/bin/python tools/pictures.py [--cache CACHE]

They go to docs/pictures. Features that are not cached are extracted first (some minutes).
"""

import argparse
import io
import subprocess
import sys
import tempfile
from pathlib import Path

import affex
from affex.pipeline.reporting.pictures import drawing

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
#: The features of `make demo`.
VOICE, FACE = "compare", "face"
#: Blue, vermilion, bluish green and reddish purple of Okabe and Ito's palette, which colour-blind people tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
#: The width of the contact sheet, px, and how many colours it keeps.
WIDTH, N_COLOURS = 860, 64


def main() -> None:
    """Draw them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    arguments = parser.parse_args()
    PICTURES.mkdir(exist_ok=True)
    for name, picture in {"demo.svg": runs(arguments.cache), "sheet.png": sheet(arguments.cache)}.items():
        (PICTURES / name).write_bytes(picture)
        print(f"{PICTURES / name}: {len(picture) // 1000} kB")


def runs(cache: Path) -> bytes:
    """Return the UAR of voice, face and two fusions with intervals over speakers, as SVG."""
    results = {
        "voice alone": affex.evaluate("demo", VOICE, cache=cache),
        "face alone": affex.evaluate("demo", FACE, cache=cache),
        "early fusion": affex.evaluate("demo", [VOICE, FACE], cache=cache),
        "late fusion": affex.evaluate("demo", [VOICE, FACE], fusion="late", cache=cache),
    }
    picture = io.BytesIO()
    with drawing(6.5, 2.4, picture, "svg") as figure:
        axes = figure.add_subplot()
        for (name, one), colour, marker in zip(results.items(), COLOURS, "osD^", strict=True):
            interval = one.interval("uar")
            axes.plot([interval.low, interval.high], [name, name], color=colour, linewidth=2.5)
            axes.plot(interval.value, name, marker, color=colour, markersize=9)
            at = (interval.value, name)
            axes.annotate(f"{interval.value:.2f}", at, (0, 7), textcoords="offset points", ha="center")
        axes.axvline(0.25, color="0.4", linestyle=":")
        axes.annotate("chance", (0.25, 3.3), (4, 0), textcoords="offset points", color="0.3")
        axes.set(xlabel="UAR with 95 % interval over 8 speakers left out", xlim=(0.2, 1.02), ylim=(3.6, -0.6))
        axes.spines[["top", "right"]].set_visible(False)
    return picture.getvalue()


def sheet(cache: Path) -> bytes:
    """Return the contact sheet of an utterance, smaller and with fewer colours, as PNG."""
    from PIL import Image

    affex.load_frames("demo", "logmel", ids=["s1_anger_1"], cache=cache)
    with tempfile.TemporaryDirectory() as folder:
        path, where = Path(folder, "sheet.png"), ["--dataset", "demo", "--cache", str(cache)]
        command = [sys.executable, "-m", "affex.pipeline.cli", "show", "s1_anger_1", *where, "--out", str(path)]
        subprocess.run(command, check=True)
        picture = Image.open(path).convert("RGB")
    small = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    small.quantize(N_COLOURS).save(written, "png", optimize=True)
    return written.getvalue()


if __name__ == "__main__":
    main()
