"""What can be asked for: the base, the workspace's versions that sit on it, and their aliases."""

from collections.abc import Callable

from rather.records import ModelVersion
from rather.serving.placing import home_of
from rather.serving.register import Known, Register
from rather.web.replies import Refusal

WRITERS = ("sft", "dpo", "ppo")
"""Stages whose versions write answers."""
Choose = Callable[[str, str, str], str]
"""(alias, the version it means, the request's id) -> the version that answers."""


def as_it_is(alias: str, version: str, request_id: str) -> str:
    """The version an alias means."""
    return version


class Catalog:
    """Names to versions; each request is resolved once, so a switch never splits one."""

    def __init__(
        self,
        register: Register,
        model: str,
        choose: Choose = as_it_is,
        *,
        holds_whole_models: bool = False,
    ) -> None:
        """`model`: the base, as the configuration names it."""
        self._register = register
        self._model = model
        self._holds_whole_models = holds_whole_models
        self._choose = choose
        self.withdrawn: set[str] = set()
        """Versions that an admin took out of service."""

    async def policy(self, name: str, request_id: str) -> str:
        """The version (or base) that answers a request; a refusal where there is none."""
        known = await self._register.known()
        version = known.aliases.get(name, name)
        if name in known.aliases:
            version = self._choose(name, version, request_id)
        if version != "base" and version not in self._offered(known, WRITERS):
            raise self._unknown(name, known, self.names(known))
        return version

    async def reward(self, name: str) -> str:
        """The reward version that scores a request; a refusal where there is none."""
        known = await self._register.known()
        version, offered = known.aliases.get(name, name), self._offered(known, ("reward",))
        if version not in offered:
            raise self._unknown(name, known, list(offered))
        return version

    async def version(self, name: str) -> str:
        """A version an admin names, in service or not; a refusal where it cannot be served."""
        known = await self._register.known()
        found = known.versions.get(name)
        if found is None:
            raise self._unknown(name, known, list(known.versions))
        if reason := self._why_not(found, known):
            raise Refusal(400, reason, code="cannot_be_served")
        return name

    async def policies(self) -> list[ModelVersion]:
        """The policies in service, the oldest first."""
        known = await self._register.known()
        return list(self._offered(known, WRITERS).values())

    def names(self, known: Known) -> list[str]:
        """Everything that answers, by the names clients use."""
        offered = self._offered(known, WRITERS)
        meant = [name for name, one in known.aliases.items() if one == "base" or one in offered]
        return ["base", *offered, *meant]

    def _offered(self, known: Known, stages: tuple[str, ...]) -> dict[str, ModelVersion]:
        return {
            name: one
            for name, one in known.versions.items()
            if one.stage in stages and name not in self.withdrawn and not self._why_not(one, known)
        }

    def _why_not(self, version: ModelVersion, known: Known) -> str:
        """Why a version cannot be served; empty where it can."""
        home = home_of(version, known.versions, self._model)
        if home is None:
            return f"{version.name} sits on {version.base}, and this server holds {self._model}."
        if home != "base" and not self._holds_whole_models:
            on = "is" if home == version.name else f"sits on {home},"
            return f"{version.name} {on} a whole model; this server holds {self._model} alone."
        return ""

    def _unknown(self, name: str, known: Known, there: list[str]) -> Refusal:
        version = known.versions.get(known.aliases.get(name, name))
        why = "" if version is None else self._why_not(version, known)
        message = why.rstrip(".") or f"The model {name!r} does not exist"
        return Refusal(
            404, f"{message}; there are: {', '.join(there) or 'none'}.", code="model_not_found"
        )
