"""What the server extension is worth: the round trip of a small message in JupyterLab, with and without it.

    python benchmarks/round_trip.py [--times 200]

A bare anywidget echo of 6 KB, one message at a time, in alternating runs of a real JupyterLab and
headless Chromium. Writes benchmarks/results/round_trip.json.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.gestures import percentiles
from benchmarks.machine import facts, markdown_table, save
from tests.browser.lab import Lab, chromium

_ECHO = r"""
import anywidget

class Echo(anywidget.AnyWidget):
    _esm = '''
    export default { render({ model, el }) {
      el.className = "echo";
      el.textContent = "echo";
      let answered = () => {};
      model.on("msg:custom", () => answered());
      window.roundTrips = async count => {
        const times = [];
        for (let i = 0; i < count; i++) {
          const start = performance.now();
          await new Promise(resolve => { answered = resolve; model.send({ i }); });
          times.push(performance.now() - start);
        }
        return times;
      };
    } };
    '''

echo = Echo()
echo.on_msg(lambda widget, content, buffers: widget.send(content, [bytes(6000)]))
echo
"""
_REHEARSAL = 20
"""A fresh connection acknowledges its first packets at once, which hides what is measured."""


def main() -> None:
    """Measure twice each way and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=200)
    chosen = parser.parse_args()
    seen: dict[bool, list[float]] = {False: [], True: []}
    with chromium() as browser:
        for nodelay in (False, True, False, True):
            with Lab(nodelay=nodelay, browser=browser) as lab, lab.open([_ECHO]) as notebook:
                notebook.run_all()
                notebook.page.locator(".echo").wait_for()
                times = notebook.page.evaluate(f"roundTrips({_REHEARSAL + chosen.times})")
                seen[nodelay] += times[_REHEARSAL:]
    runs = {"with": percentiles(seen[True]), "without": percentiles(seen[False])}
    save("round_trip", {"machine": facts("jupyterlab", "jupyter_server", "tornado"), "round_trip_ms": runs})
    rows = [
        [f"{name} TCP_NODELAY", *(f"{ms:.1f}" for ms in values.values())] for name, values in runs.items()
    ]
    print(markdown_table(("round trip", "p50 ms", "p95 ms", "p99 ms"), rows))


if __name__ == "__main__":
    main()
