// Colours: a frame's theme on the page around it, and whether the page itself is dark.

import { all, listen, type Removal } from "./listen";
import type { ThemeColours } from "./protocol";

const COLOURS = ["background", "text", "grid", "up", "down", "border", "accent"] as const;

const applied = new WeakMap<HTMLElement, string>();

/** Give `root` the colours of a theme, unless it has them: restyling all below it at each frame costs. */
export function applyTheme(root: HTMLElement, theme: ThemeColours): void {
  const colours = JSON.stringify(theme);
  if (applied.get(root) === colours) return;
  applied.set(root, colours);
  for (const name of COLOURS) root.style.setProperty(`--kf-${name}`, theme[name]);
  root.style.colorScheme = theme.dark ? "dark" : "light";
  root.dataset.theme = theme.name;
}

/** Whether the notebook's own theme is dark: JupyterLab's, VS Code's, else the page's or system's. */
export function pageIsDark(): boolean {
  const { body } = document;
  const lab = body.dataset.jpThemeLight;
  if (lab !== undefined) return lab === "false";
  const code = body.dataset.vscodeThemeKind;
  if (code !== undefined) return code.includes("dark") || code === "vscode-high-contrast";
  const channels = getComputedStyle(body)
    .backgroundColor.match(/[\d.]+/g)
    ?.map(Number);
  if (channels && (channels.length < 4 || channels[3]! > 0.5)) {
    const [red, green, blue] = channels as [number, number, number];
    return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Call `changed` whenever the page turns dark or light. */
export function watchDark(changed: (dark: boolean) => void): Removal {
  let dark = pageIsDark();
  const check = () => {
    const now = pageIsDark();
    if (now === dark) return;
    dark = now;
    changed(dark);
  };
  const observer = new MutationObserver(check);
  observer.observe(document.body, {
    attributeFilter: ["data-jp-theme-light", "data-vscode-theme-kind", "class", "style"],
  });
  return all([
    () => observer.disconnect(),
    listen(matchMedia("(prefers-color-scheme: dark)"), "change", check),
  ]);
}
