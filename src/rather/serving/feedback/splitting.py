"""Which version answers for an alias: for a share of the requests another one, to compare them."""

from dataclasses import dataclass

from rather.config.use import AB
from rather.feedback.assignment import drawn


@dataclass(frozen=True)
class Split:
    """Draws by the request, so that the same one is always answered by the same version."""

    secret: bytes
    ab: AB

    def choose(self, alias: str, version: str, request: str) -> str:
        """The version that answers; `request` is the request's id, or its seed and prompt."""
        if self.ab.model is None or alias != self.ab.alias:
            return version
        return self.ab.model if drawn(self.secret, "ab", request) < self.ab.share else version

    def sides(self, asked: str, version: str) -> tuple[str, ...]:
        """Who is compared when a client asks a model for two answers without saying whose."""
        other = self.ab.model if asked == self.ab.alias and self.ab.model else "base"
        return (version, other) if other != version else (version, version)
