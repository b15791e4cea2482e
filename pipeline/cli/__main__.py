"""``python -m pipeline.cli`` is ``affex``."""

from pipeline.cli.command import main

if __name__ == "__main__":
    main()
