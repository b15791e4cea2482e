"""The way of a GPU: each stage and the whole way in frames a second, and which of them holds it back.

::

    python benchmarks/gpu.py CLIPS --device cpu --films 3            # a dry run, here
    python benchmarks/gpu.py CLIPS --pack FOLDER                     # the parts for a machine that can fetch nothing
    python benchmarks/gpu.py --unpack FOLDER/part1.zip --site SITE   # there, each part
    python benchmarks/gpu.py --site SITE                             # there: the measurement, less than 8 minutes

The other machine needs Python 3.12, numpy, torch with CUDA and h5py. ``--pack`` writes the videos below CLIPS again as
films of 640 x 480 and packs them with affex, its wheels and its weights in parts of less than 60 MiB (`packing`).

Printed are: decoding by all local processes; landmarks, sharpness and the crop by one process; the networks by size of
batch, with the share of time in which the device computes; and the whole way, from films to the published files of
``faces`` and then of ``face``, with what the server counted. The floors at the end are what each stage allows at most;
the smallest one holds the whole way back. On a CPU the same rows are computed in the ordinary way, too, and the exit
status is 1 if a byte of the files differs.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    """Pack, unpack or measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="?")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--films", type=int, help="how many of the films")
    parser.add_argument("--as-they-are", action="store_true", help="take the clips, not films of 640 x 480")
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 1) - 1))
    parser.add_argument("--only-whole", action="store_true", help="leave out the single stages")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the whole way is measured on a GPU")
    parser.add_argument("--pack", type=Path, metavar="FOLDER")
    parser.add_argument("--unpack", type=Path, nargs="+", default=[], metavar="PART")
    parser.add_argument("--site", type=Path, help="the folder of unpacked parts")
    options = parser.parse_args()
    if options.unpack:
        from packing import unpack

        unpack(options.unpack, options.site)
        return 0
    if options.site:
        sys.path[:0] = [str(options.site), str(options.site / "benchmarks")]
    with tempfile.TemporaryDirectory() as name:
        films = (
            options.site / "films"
            if options.site
            else _films(options.clips, Path(name, "films"), options.films, options.as_they_are)
        )
        if options.pack:
            from packing import pack

            for part in pack(films, options.pack):
                print(f"{part}: {part.stat().st_size / 2**20:.1f} MiB")
            return 0
        from measured_gpu import Measured, measure

        names = sorted(path.name for path in films.iterdir())[: options.films]
        measured = Measured(films, names, options.device, options.processes)
        return measure(measured, Path(name, "work"), options.seconds, only_whole=options.only_whole)


def _films(clips: Path, folder: Path, most: int | None, as_they_are: bool) -> Path:
    """Write the videos below a folder again as films of 640 x 480, or copy them; return their folder."""
    from faces import videos
    from realtime import film

    folder.mkdir()
    for number, source in enumerate(videos(clips)[:most]):
        if as_they_are:
            shutil.copyfile(source, folder / f"{number:03d}{source.suffix}")
        else:
            film(source, folder / f"{number:03d}.mp4")
    return folder


if __name__ == "__main__":
    began = time.perf_counter()
    status = main()
    print(f"{time.perf_counter() - began:.0f} s in all")
    sys.exit(status)
