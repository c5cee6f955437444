"""A database's address as it may be shown: never with the secrets in it."""

import os
import re

VARIABLE = "RATHER_DATABASE_URL"
"""Says `database` without a file, which is where a password may be."""

_PASSWORD = re.compile(r"(://[^:/@?]*:).*@", re.DOTALL)
# To the last @: a password whose own @ was not written as %40 must not show its end either.
_SECRET_OPTION = re.compile(r"([?&][^=&]*(?:pass|secret|token|key)[^=&]*=)[^&]*", re.IGNORECASE)
MASK = "***"


def is_address(where: str) -> bool:
    """Whether that names a database on a server; else it is a file's path."""
    return "://" in where


def masked(address: str) -> str:
    """The same address with `***` for a password, and for options that may hold one."""
    return _SECRET_OPTION.sub(rf"\1{MASK}", _PASSWORD.sub(rf"\1{MASK}@", address))


def from_environment() -> str | None:
    """The address in the environment, None where there is none."""
    return os.environ.get(VARIABLE) or None
