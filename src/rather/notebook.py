"""One line in a notebook's output that is written over, so that progress needs no widgets."""

import sys
from typing import Any


class NotebookLine:
    """The line; it appears when it is first written."""

    def __init__(self) -> None:
        self._handle: Any = None

    def write(self, text: str) -> None:
        """Show `text` in place of what was shown."""
        # Imported here: whoever is in a notebook has it, nobody else needs it.
        from IPython.display import display

        shown = {"text/plain": text}
        if self._handle is None:
            self._handle = display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")
