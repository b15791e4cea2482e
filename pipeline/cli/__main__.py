"""``python -m pipeline.cli`` is ``affex``."""

from pipeline.cli import main

if __name__ == "__main__":
    main()
