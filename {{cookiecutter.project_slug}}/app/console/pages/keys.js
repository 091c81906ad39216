// Shortcuts: single letters, which do nothing while somebody types and can be switched off.

import { h } from "./dom.js";

const OFF = "console.shortcuts-off";
const GENERAL = [
  ["j", "Next in the list"],
  ["k", "The one before"],
  ["n", "Claim the next free item"],
  ["c", "Claim this item"],
  ["b", "Give it back"],
  ["?", "This list"],
];

export class Help {
  constructor(verbs) {
    const rows = [...GENERAL, ...verbs].map(([key, text]) =>
      h("tr", {}, h("th", { scope: "row" }, h("kbd", {}, key)), h("td", {}, text)),
    );
    const tick = h("input", {
      type: "checkbox",
      checked: !localStorage.getItem(OFF),
      onchange: ({ target }) => (target.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1")),
    });
    this.element = h(
      "dialog",
      { "aria-label": "Shortcuts" },
      h("h2", {}, "Shortcuts"),
      h("table", {}, rows),
      h("label", { class: "tick" }, tick, "react to these keys"),
      h("button", { type: "button", onclick: () => this.element.close() }, "Close"),
    );
    this.button = h(
      "button",
      { type: "button", class: "plain", onclick: () => this.open() },
      "Shortcuts",
      h("kbd", { "aria-hidden": "true" }, "?"),
    );
  }

  open() {
    this.element.showModal();
  }
}

const FIELDS = "input, textarea, select, [contenteditable]:not([contenteditable='false'])";

/** Whether a key is somebody's typing, or a part of a longer shortcut of the browser's or of a dialog's. */
function isTyping(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.getModifierState("AltGraph")) return true;
  if (event.isComposing || event.defaultPrevented) return true;
  return document.activeElement?.closest(FIELDS) || document.querySelector("dialog[open]");
}

/** press(key): whether it did something. Then the key does nothing else, however long it is held down: a field that
    gets the focus stays empty. */
export function shortcuts(help, press) {
  let held = null;
  addEventListener("keyup", () => (held = null));
  addEventListener("keydown", (event) => {
    if (event.repeat && event.key === held) return event.preventDefault();
    held = null;
    if (event.key.length !== 1 || event.repeat || isTyping(event) || localStorage.getItem(OFF)) return;
    if (event.key === "?") help.open();
    else if (!press(event.key)) return;
    held = event.key;
    event.preventDefault();
  });
}
