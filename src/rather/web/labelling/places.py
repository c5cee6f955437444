"""The people of one item: who judged it, who holds it, who would rather not, what admins said."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rather.records import Remark
from rather.store import remarks


@dataclass(slots=True)
class Places:
    """Of one item, whatever it was shown for; nothing in here knows how many are wanted."""

    judges: set[str] = field(default_factory=set)
    """People whose judgment of it counts."""
    leases: dict[str, str] = field(default_factory=dict)
    """Until when people who have not judged it yet hold it."""
    passed: set[str] = field(default_factory=set)
    """People who skipped or flagged it."""
    remarks: list[Remark] = field(default_factory=list)
    settled_by: set[str] = field(default_factory=set)
    """Judgments of admins that replace what was said."""
    is_hidden: bool = False

    def taken(self, now: str) -> set[str]:
        """Who has judged it or holds it."""
        return self.judges | {who for who, until in self.leases.items() if until > now}

    def hear(self, remark: Remark, num_flags: int) -> None:
        """Take one more remark into account; so many flags hide the item."""
        self.remarks.append(remark)
        self.passed, self.is_hidden = weigh(self.remarks, num_flags)


def weigh(events: Iterable[Remark], num_flags: int) -> tuple[set[str], bool]:
    """Who would rather not be asked, and whether nobody is: flags count from a restore on."""
    passed: set[str] = set()
    flaggers: set[str] = set()
    is_retired = False
    for one in remarks.live(events):
        if one.what in ("skip", "flag"):
            passed.add(one.labeller_id)
        if one.what == "flag":
            flaggers.add(one.labeller_id)
        elif one.what in ("restore", "retire"):
            is_retired = one.what == "retire"
            flaggers.clear()
    return passed, is_retired or len(flaggers) >= num_flags
