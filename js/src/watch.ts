// Watching the page: how large a view is, on which screen, and whether anyone can see it.

import { all, listen, type Removal } from "./listen";
import type { ViewSize } from "./protocol";

/** Call `changed` with the first size above zero and with every later one. */
export function watchSize(
  area: HTMLElement,
  scrubber: HTMLElement,
  changed: (size: ViewSize) => void,
): Removal {
  let known = "";
  const check = () => {
    const width = Math.floor(area.clientWidth);
    const height = Math.floor(area.clientHeight);
    if (width < 1 || height < 1) return;
    const size: ViewSize = {
      width,
      height,
      ratio: devicePixelRatio,
      scrubber: { width: scrubber.clientWidth, height: scrubber.clientHeight },
    };
    const text = JSON.stringify(size);
    if (text === known) return;
    known = text;
    changed(size);
  };
  const observer = new ResizeObserver(check);
  observer.observe(area);
  observer.observe(scrubber);
  return all([() => observer.disconnect(), watchRatio(check)]);
}

function watchRatio(changed: () => void): Removal {
  let stop: Removal = () => undefined;
  const watch = () => {
    // A media query fits one ratio only; each change needs the next query.
    stop = listen(matchMedia(`(resolution: ${devicePixelRatio}dppx)`), "change", () => {
      stop();
      watch();
      changed();
    });
  };
  watch();
  return () => stop();
}

/** Call `changed` when the view goes out of sight or comes back. */
export function watchVisible(element: HTMLElement, changed: (visible: boolean) => void): Removal {
  let onScreen = true;
  const check = () => changed(onScreen && document.visibilityState !== "hidden");
  const observer = new IntersectionObserver((entries) => {
    onScreen = entries.at(-1)?.isIntersecting ?? onScreen;
    check();
  });
  observer.observe(element);
  return all([() => observer.disconnect(), listen(document, "visibilitychange", check)]);
}
