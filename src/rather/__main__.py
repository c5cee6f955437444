"""`python -m rather` is the command `rather`."""

import sys

from rather.cli import main

if __name__ == "__main__":
    sys.exit(main())
