"""What an admin says: which versions are in service, and what an alias means."""

from typing import Annotated, Literal

from pydantic import Field

from rather.serving.contract.asking import Model
from rather.serving.contract.shape import Wire

AliasName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class AdapterRequest(Wire):
    """A version, by its name in the registry; a path is refused."""

    lora_name: Model


class Service(Wire):
    """Which versions can be asked for after it."""

    object: Literal["service"] = "service"
    lora_name: str
    in_service: bool
    loaded: list[str]


class AliasRequest(Wire):
    """What an alias shall mean."""

    version: Model


class AliasSwitch(Wire):
    """What an alias means from when on, and who said so."""

    alias: str
    version: str
    is_rollback: bool
    switched_at: str
    switched_by: str


class AliasList(Wire):
    """What each alias means, and how it came to."""

    object: Literal["list"] = "list"
    data: list[AliasSwitch]
    """In force."""
    history: list[AliasSwitch]
    """All switches, the oldest first."""
