"""What the chart is measured beside: the floor under any frame from a kernel, and jupyter_rfb.

The floor is a bare anywidget that answers each message with a ready-made WebP, decoded with
createImageBitmap and drawn; nothing is computed. jupyter_rfb shows the same pictures its own way
(JPEG while moving). Both get the pictures that the chart itself sent, of the same pixel size.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

from benchmarks.gestures import percentiles, play, record
from tests.browser.lab import Lab, Notebook, View

__all__ = ["captured_frames", "fit_width", "floor", "rfb", "write_frames"]

_FLOOR = r"""
import anywidget
from pathlib import Path

FRAMES = [path.read_bytes() for path in sorted(Path("frames").glob("*.webp"))]

class Floor(anywidget.AnyWidget):
    _esm = '''
    export default { render({ model, el }) {
      const root = document.createElement("div");
      root.className = "kf-widget";
      root.style.cssText = "height: HEIGHTpx; overflow: hidden; touch-action: none";
      const canvas = document.createElement("canvas");
      const context = canvas.getContext("2d", { alpha: false });
      root.append(canvas);
      el.append(root);
      let seq = 0, sent = 0, unanswered = 0, shown = -1;
      const flush = () => {
        if (sent === seq || unanswered >= 2) return;
        sent = seq;
        unanswered += 1;
        model.send({ seq });
      };
      const input = () => {
        seq += 1;
        root.dataset.gestureSeq = String(seq);
        flush();
      };
      root.addEventListener("pointermove", event => { if (event.buttons) input(); });
      root.addEventListener("wheel", event => { event.preventDefault(); input(); }, { passive: false });
      model.on("msg:custom", async (message, buffers) => {
        unanswered -= 1;
        flush();
        const bitmap = await createImageBitmap(new Blob([buffers[0]], { type: "image/webp" }));
        if (message.seq < shown) return bitmap.close();
        shown = message.seq;
        if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
          canvas.width = bitmap.width;
          canvas.height = bitmap.height;
          canvas.style.width = bitmap.width / devicePixelRatio + "px";
        }
        context.drawImage(bitmap, 0, 0);
        bitmap.close();
        root.dataset.frameSeq = String(shown);
        root.dataset.frame = String(Number(root.dataset.frame ?? 0) + 1);
      });
      model.send({ seq: 0 });
    } };
    '''

floor = Floor()
floor.on_msg(lambda widget, content, buffers: widget.send(content, [FRAMES[content["seq"] % len(FRAMES)]]))
floor
"""

_RFB = r"""
import json
import numpy as np
from pathlib import Path
from PIL import Image
from jupyter_rfb import RemoteFrameBuffer

FRAMES = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(Path("frames").glob("*.webp"))]

class Remote(RemoteFrameBuffer):
    seen, asked, shown = 0, [], []

    def handle_event(self, event):
        if event["type"] == "wheel" or (event["type"] == "pointer_move" and event["buttons"]):
            self.seen += 1
            self.asked.append(1000 * event["timestamp"])
            self.request_draw()

    def get_frame(self):
        return FRAMES[self.seen % len(FRAMES)]

    def send(self, content, buffers=None):
        if content.get("type") == "framebufferdata":
            self.shown.append([self.asked[-1] if self.asked else 0.0, len(buffers[0])])
        super().send(content, buffers)

remote = Remote(css_width="WIDTHpx", css_height="HEIGHTpx", resizable=False)
remote
"""

_RFB_RECORD = """image => {
    const sources = [], loads = [];
    const seen = new MutationObserver(() => sources.push(image.src));
    seen.observe(image, {attributeFilter: ['src']});
    image.addEventListener('load', () => loads.push([sources.length, performance.now()]));
    window.__rfb = {stop: () => loads};
}"""


def fit_width(notebook: Notebook, selector: str, width: int) -> None:
    """Make the page so wide that this element is `width` CSS pixels wide."""
    page = notebook.page
    page.locator(selector).first.wait_for()
    for _ in range(4):
        now = page.evaluate("s => document.querySelector(s).getBoundingClientRect().width", selector)
        if round(now) == width or page.viewport_size is None:
            return
        size = page.viewport_size
        page.set_viewport_size({"width": size["width"] + width - round(now), "height": size["height"]})
        page.wait_for_timeout(300)


def write_frames(lab: Lab, frames: list[bytes]) -> None:
    """Put ready-made frames where the kernels of this JupyterLab find them."""
    folder = lab.work / "frames"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for number, frame in enumerate(frames):
        (folder / f"{number:03}.webp").write_bytes(frame)


def floor(lab: Lab, height: int, *, width: int, ratio: float) -> dict[str, Any]:
    """Play the scripted scrub on the floor; its frames must have been written."""
    cell = _FLOOR.replace("HEIGHT", str(height))
    with lab.open([cell], ratio=ratio, size=(width + 160, height + 500)) as notebook:
        notebook.run_all()
        fit_width(notebook, ".kf-widget", width)
        return record(notebook.view())


def rfb(lab: Lab, height: int, *, width: int, ratio: float) -> dict[str, Any]:
    """Play the scripted scrub on jupyter_rfb with the same pictures."""
    cell = _RFB.replace("HEIGHT", str(height)).replace("WIDTH", str(width))
    log = "print(json.dumps([remote.asked, remote.shown]))"
    with lab.open([cell, log], ratio=ratio, size=(width + 160, height + 500)) as notebook:
        notebook.run_cell(0)
        image = notebook.page.locator(".renderview-wrapper img").first
        image.wait_for()
        image.evaluate(_RFB_RECORD)
        play(_Remote(notebook, image))
        loads = notebook.page.evaluate("() => window.__rfb.stop()")
        notebook.run_cell(1)
        asked, shown = json.loads(notebook.text(1))
    covers = [(shown[number - 1][0], at) for number, at in loads if 0 < number <= len(shown)]
    latencies = []
    place = 0
    for moment in asked:
        while place < len(covers) and covers[place][0] < moment:
            place += 1
        if place < len(covers):
            latencies.append(covers[place][1] - moment)
    sizes = sorted(size for _, size in shown)
    gaps = [b[1] - a[1] for a, b in itertools.pairwise(covers) if b[1] - a[1] < 250]
    return {
        "inputs": len(asked),
        "frames": len(covers),
        "exact_ms": percentiles(latencies),
        "frames_per_s": round(1000 * len(gaps) / sum(gaps), 1) if gaps else 0.0,
        "frame_bytes": sizes[len(sizes) // 2] if sizes else 0,
    }


class _Remote(View):
    """The hand on an image that carries no sequence numbers: a pause between gestures takes their place."""

    def wait_exact(self, *, timeout_ms: float = 0) -> None:
        self.page.wait_for_timeout(700)


def captured_frames(notebook: Notebook) -> list[bytes]:
    """The frames of the chart that the recording kept."""
    script = """async () => Promise.all(window.__kf.held.map(async blob =>
        Array.from(new Uint8Array(await blob.arrayBuffer()))))"""
    return [bytes(frame) for frame in notebook.page.evaluate(script)]
