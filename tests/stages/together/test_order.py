"""What is told travels as JSON and arrives as it was."""

import json

from rather.config.stages import Config
from rather.data.batch import Row
from rather.data.judged import Judged, Opinion
from rather.records import Message, ModelVersion, Prompt
from rather.stages.together.order import (
    ORDER,
    Lesson,
    Order,
    lesson_of_judged,
    lesson_of_rows,
)
from rather.training.cast import Task

JUDGED = Judged(
    Row((1, 2), ((3,), (4, 5), (6,))), (Opinion((0, 2), (2, 1), 3, "j1"), Opinion((0, 1), (1, 1)))
)
TASK = Task(Prompt("p", (Message("user", "Why?"),), "train", True, "file", ("a",)), (7, 8))


def there_and_back(order: Order | None) -> Order | None:
    return ORDER.validate_python(json.loads(json.dumps(ORDER.dump_python(order, mode="json"))))


def test_an_order_arrives_as_it_was_sent() -> None:
    version = ModelVersion(
        "ppo-1", "ppo", "base", ("sft-1",), "r", "models/ppo-1", "now", {"a": 1.5}
    )
    lesson = Lesson(
        lesson_of_judged([JUDGED]).examples, (TASK,), (TASK,), [(0.5, "a")], [(1.0, "b")]
    )
    config = Config(seed=4).model_dump(mode="json")
    order = Order(config, "ppo", "ppo-9", "base", 4, "base", (version,), lesson)
    found = there_and_back(order)
    assert found is not None
    assert found.versions == (version,)
    assert (found.lesson.tasks, found.lesson.asked) == ((TASK,), (TASK,))
    assert [*map(tuple, found.lesson.mix)] == [(0.5, "a")]
    assert [one.judged for one in found.lesson.examples] == [JUDGED]
    assert Config.model_validate(found.config) == Config(seed=4)
    assert there_and_back(None) is None


def test_rows_arrive_as_rows() -> None:
    rows = [Row((1,), ((2, 3),)), Row((4,), ((5,),))]
    assert [one.row for one in lesson_of_rows(rows).examples] == rows
