// The keyboard on the focused chart.

import type { ChartActions } from "./gestures";
import { listen, type Removal } from "./listen";

const PAN_SHARE = 0.1;
const PAN_FAR_SHARE = 0.9;
const ZOOM_FACTOR = 1.25;

/** What a key does, or undefined when the chart has no use for it. */
function actionOf(event: KeyboardEvent, actions: ChartActions): (() => void) | undefined {
  const share = event.shiftKey ? PAN_FAR_SHARE : PAN_SHARE;
  switch (event.key) {
    case "ArrowLeft":
      return () => actions.pan(-share, 0);
    case "ArrowRight":
      return () => actions.pan(share, 0);
    case "PageUp":
      return () => actions.pan(-PAN_FAR_SHARE, 0);
    case "PageDown":
      return () => actions.pan(PAN_FAR_SHARE, 0);
    case "ArrowUp":
    case "+":
    case "=":
      return () => actions.zoom(1 / ZOOM_FACTOR, 0.5);
    case "ArrowDown":
    case "-":
    case "_":
      return () => actions.zoom(ZOOM_FACTOR, 0.5);
    case "Home":
      return () => actions.go("start");
    case "End":
      return () => actions.go("end");
    case "Escape":
      return () => actions.point(null);
    default:
      return undefined;
  }
}

/** Keys act while `root` itself has the focus, not one of its buttons. */
export function listenToKeys(root: HTMLElement, actions: ChartActions): Removal {
  return listen(root, "keydown", (event) => {
    if (event.target !== root || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = actionOf(event, actions);
    if (act === undefined) return;
    act();
    event.preventDefault();
    event.stopPropagation();
  });
}
