"""From the metrics a run recorded to the panels of its learning curves."""

from collections.abc import Mapping, Sequence

from rather.report.model import CurveSet, Line, Panel


def learning_curves(
    title: str,
    metrics: Sequence[tuple[int, Mapping[str, float]]],
    panels: Mapping[str, Mapping[str, str]],
) -> CurveSet:
    """Gather recorded (step, metrics) into panels: panel title to {metric: name of its line}.

    A metric that was never recorded gives no line, and a panel without lines is left out.
    """
    drawn = []
    for panel_title, wanted in panels.items():
        lines = [_line(name, metric, metrics) for metric, name in wanted.items()]
        kept = tuple(line for line in lines if line.steps)
        if kept:
            drawn.append(Panel(panel_title, kept))
    return CurveSet(title, tuple(drawn))


def _line(name: str, metric: str, metrics: Sequence[tuple[int, Mapping[str, float]]]) -> Line:
    points = [(step, float(row[metric])) for step, row in metrics if metric in row]
    steps, values = tuple(step for step, _ in points), tuple(value for _, value in points)
    return Line(name, steps, values)
