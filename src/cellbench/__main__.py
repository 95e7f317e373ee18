"""``python -m cellbench`` is the command ``cellbench``."""

import sys

from cellbench.cli import main

sys.exit(main())
