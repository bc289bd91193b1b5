// Where the parts of a chart lie on its canvas while it shows a given frame; kf_widget/chart/layout.py
// lays out the frame itself.

import type { Px, Rect, Size } from "./geometry";
import type { FrameMessage } from "./protocol";

export interface ScreenLayout {
  /** Device px of the screen per px of the frame. */
  readonly scale: number;
  readonly plot: Rect<Px>;
  readonly volume: Rect<Px>;
  readonly price: Rect<Px>;
  readonly time: Rect<Px>;
}

/** Place the parts of a frame on a canvas of `canvas` px on a screen of `ratio`. */
export function placeFrame(frame: FrameMessage, canvas: Size<Px>, ratio: number): ScreenLayout {
  const { plot, price, time, volume } = frame.rects;
  let scale = ratio / frame.ratio;
  const [left, right] = frame.window;
  const visible = (right - left) * plot[2];
  let width: Px = canvas.width - Math.round(price[2] * scale);
  let height: Px = canvas.height - Math.round(time[3] * scale);
  // Kernel and browser may round the size of the same canvas apart by one px: keep the frame's.
  const framed = plot[3] + (volume?.[3] ?? 0);
  if (Math.abs(visible - width) <= 1 && Math.abs(framed - height) <= 1) {
    scale = 1;
    width = Math.round(visible);
    height = framed;
  }
  width = Math.max(width, 1);
  height = Math.max(height, 1);
  const volumeHeight = Math.min(Math.round((volume?.[3] ?? 0) * scale), height - 1);
  const plotHeight = height - volumeHeight;
  return {
    scale,
    plot: [0, 0, width, plotHeight],
    volume: [0, plotHeight, width, volumeHeight],
    price: [width, 0, canvas.width - width, plotHeight],
    time: [0, height, width, canvas.height - height],
  };
}
