"""`rather completion`: what the shell's Tab key knows of the verbs and their flags."""

from collections.abc import Callable
from typing import Literal

from cyclopts import App

from rather.cli.flags import COMMON, Common
from rather.cli.late import Result, Switch


def register(app: App, place: int, whole: Callable[[], App]) -> None:
    """Add the verb to the command line; `whole` builds one in which every verb has its flags."""

    def completion(
        shell: Literal["bash", "zsh", "fish"], *, install: Switch = False, common: Common = COMMON
    ) -> Result:
        """Print the completion script of SHELL, or install it.

        Parameters
        ----------
        shell
            For which shell.
        install
            Write it where the shell looks for it, and name it in the shell's start-up file.
        """
        if install and common.dry_run:
            return {"summary": f"would install the completion of {shell}.", "shell": shell}
        if not install:
            script = whole().generate_completion(shell=shell)
            return {"shell": shell, "script": script, "text": script}
        path = whole().install_completion(shell=shell)
        return {"summary": f"{path} is installed; open a new shell.", "path": str(path)}

    app.command(completion, name="completion", sort_key=place)
