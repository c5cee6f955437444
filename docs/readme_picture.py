"""The picture of README.md: `python docs/readme_picture.py WORKSPACE PICTURE`.

On the left the labelling app with one of the workspace's own questions, on the right what its
report says and draws of reward against KL: all of it as Chromium shows it, from what `rather demo`
left there.
"""

import base64
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from screenshots import served, stay

from rather.config.labelling import Checks, Labelling, Overlap
from rather.config.stages import Config
from rather.records import Completion, Judgment, Prompt
from rather.store import completions, judgments, prompts
from rather.store.database import Database
from rather.workspace import Workspace

SCALE = 1.25
APP = {"width": 1040, "height": 600}
REPORT = {"width": 660, "height": 900}
CARD = 500
SHEET = """
<style>
  body { margin: 0; padding: 24px; width: max-content; background: #e7e9e8 }
  body, div { display: flex; gap: 24px; align-items: center }
  div { flex-direction: column }
  img { border-radius: 10px }
</style>
"""


def main(root: Path, picture: Path) -> None:
    """Take the three, and lay them on one sheet."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        app, report = _app(browser, root), _report(browser, root)
        sheet = browser.new_page(device_scale_factor=SCALE)
        sheet.set_content(_sheet(app, report))
        sheet.locator("body").screenshot(path=picture)
        browser.close()


def _sheet(app: bytes, report: list[bytes]) -> str:
    cards = "".join(_image(one, CARD) for one in report)
    return f"<!doctype html>{SHEET}<body>{_image(app, APP['width'])}<div>{cards}</div>"


def _image(image: bytes, width: int) -> str:
    data = base64.b64encode(image).decode()
    return f'<img src="data:image/png;base64,{data}" width="{width}">'


def _app(browser: Browser, root: Path) -> bytes:
    """The app, asking which of two answers is better: the best and the worst, as it was judged."""
    with Workspace.open(root) as ws, tempfile.TemporaryDirectory() as folder:
        prompt, answers = _furthest_apart(ws)
        label = Labelling(
            kind="pair",
            guidelines=ws.config.label.guidelines,
            overlap=Overlap(shared_fraction=0),
            checks=Checks(gold_fraction=0, repeat_fraction=0),
        )
        with Database.open(Path(folder) / "rather.db", create=True) as db:
            prompts.add(db, [prompt])
            completions.add(db, answers)
            with served(db, Config(label=label), ws.root.name) as address:
                page = browser.new_page(
                    viewport=APP, device_scale_factor=SCALE, reduced_motion="reduce"
                )
                page.goto(address)
                page.get_by_role("dialog").wait_for()
                page.keyboard.press("Enter")
                stay(page)
                return page.screenshot()


def _furthest_apart(ws: Workspace) -> tuple[Prompt, list[Completion]]:
    """Of the ranked questions that train, the first with one best answer and the most ranks."""
    asked = {one.id: one for one in prompts.all(ws.db, "train")}
    answers = {one.id: one for one in completions.all(ws.db)}

    def ranks(one: Judgment) -> list[int]:
        return list(one.answer["ranks"])

    ranked = [
        one for one in judgments.live(ws.db) if one.kind == "ranking" and one.prompt_id in asked
    ]
    judged = max(ranked, key=lambda one: (max(ranks(one)), ranks(one).count(1) == 1))
    ids = dict(zip(ranks(judged), judged.answer["completion_ids"], strict=True))
    return asked[judged.prompt_id], [answers[ids[min(ids)]], answers[ids[max(ids)]]]


def _report(browser: Browser, root: Path) -> list[bytes]:
    """The report's verdict, and its chart of the gold score against KL."""
    page: Page = browser.new_page(viewport=REPORT, device_scale_factor=SCALE, color_scheme="light")
    page.goto((root / "report.html").resolve().as_uri())
    chart = page.locator("figure", has_text="against gold score").filter(has_text="Distance")
    return [page.locator("section.verdict").screenshot(), chart.screenshot()]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
