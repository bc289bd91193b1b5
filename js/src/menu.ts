// A button with a popup menu, for mouse and keyboard.

import { element } from "./dom";
import { all, listen, type Removal } from "./listen";

export interface MenuItem {
  readonly value: string;
  readonly label: string;
  /** Items of one group stand together, under the group's name. */
  readonly group?: string;
}

export interface MenuOptions {
  readonly label: string;
  readonly items: readonly MenuItem[];
  readonly columns?: number;
  /** Menus of the right half open towards the left. */
  readonly alignRight?: boolean;
  /** Actions do something once; choices stay chosen. */
  readonly role: "choice" | "action";
  choose(value: string): void;
}

export class Menu {
  readonly element: HTMLElement;
  readonly button: HTMLButtonElement;
  readonly dispose: Removal;
  #popup: HTMLElement;
  #items: HTMLButtonElement[] = [];
  #whileOpen: Removal | undefined;

  constructor(
    face: readonly (Node | string)[],
    private readonly options: MenuOptions,
  ) {
    this.button = element(
      "button",
      "kf-button",
      { type: "button", "aria-haspopup": "menu", "aria-expanded": "false", title: options.label },
      face,
    );
    this.button.setAttribute("aria-label", options.label);
    this.#popup = element("div", "kf-popup", { role: "menu", "aria-label": options.label });
    this.#popup.hidden = true;
    if (options.alignRight) this.#popup.classList.add("kf-popup-right");
    if (options.columns) this.#popup.style.setProperty("--kf-columns", String(options.columns));
    this.#fill();
    this.element = element("div", "kf-menu", {}, [this.button, this.#popup]);
    this.dispose = all([
      listen(this.button, "click", () => (this.#popup.hidden ? this.open() : this.close())),
      listen(this.element, "keydown", (event) => this.#key(event)),
      listen(this.#popup, "click", (event) => this.#pick(event.target as Element)),
      listen(this.element, "focusout", (event) => {
        if (!this.element.contains(event.relatedTarget as Node | null)) this.close();
      }),
      () => this.#whileOpen?.(),
    ]);
  }

  #fill(): void {
    let group: string | undefined;
    for (const item of this.options.items) {
      if (item.group !== undefined && item.group !== group) {
        this.#popup.append(element("div", "kf-popup-group", {}, [item.group]));
      }
      group = item.group;
      const entry = element(
        "button",
        "kf-popup-item",
        {
          type: "button",
          tabindex: "-1",
          role: this.options.role === "choice" ? "menuitemradio" : "menuitem",
          "data-value": item.value,
        },
        [item.label],
      );
      this.#items.push(entry);
      this.#popup.append(entry);
    }
  }

  /** Mark what is chosen now. */
  choose(value: string): void {
    for (const item of this.#items) {
      item.setAttribute("aria-checked", String(item.dataset.value === value));
    }
  }

  open(): void {
    this.#popup.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.#whileOpen = listen(document, "pointerdown", (event) => {
      if (!this.element.contains(event.target as Node)) this.close();
    });
    const chosen = this.#items.find((item) => item.getAttribute("aria-checked") === "true");
    (chosen ?? this.#items[0])?.focus({ preventScroll: true });
  }

  close(): void {
    if (this.#popup.hidden) return;
    const focused = this.#popup.contains(document.activeElement);
    this.#popup.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    this.#whileOpen?.();
    this.#whileOpen = undefined;
    if (focused) this.button.focus({ preventScroll: true });
  }

  #pick(target: Element): void {
    const value = target.closest<HTMLElement>(".kf-popup-item")?.dataset.value;
    if (value === undefined) return;
    this.close();
    this.options.choose(value);
  }

  #key(event: KeyboardEvent): void {
    if (this.#popup.hidden) {
      if (event.key !== "ArrowDown") return;
      this.open();
    } else {
      const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      const edge = { Home: 0, End: this.#items.length - 1 }[event.key];
      const count = this.#items.length;
      const now = this.#items.indexOf(document.activeElement as HTMLButtonElement);
      if (step !== undefined) this.#items[(now + step + count) % count]?.focus();
      else if (edge !== undefined) this.#items[edge]?.focus();
      else if (event.key === "Escape") this.close();
      else return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}
