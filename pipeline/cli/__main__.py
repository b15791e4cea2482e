"""``affex`` and ``python -m affex.pipeline.cli``: Ctrl-C is handled from the start, also during imports."""

import sys


def main() -> None:
    """Import the command and run it."""
    try:
        from affex.pipeline.cli.command import main as run

        run()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
