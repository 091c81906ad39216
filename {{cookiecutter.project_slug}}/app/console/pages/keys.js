// Single-letter shortcuts. They have no effect in text fields and can be switched off.

import { h } from "./dom.js";

const OFF = "console.shortcuts-off";
const GENERAL = [
  ["j", "Next in the list"],
  ["k", "Previous in the list"],
  ["n", "Claim the next free item"],
  ["c", "Claim this item"],
  ["b", "Release this item"],
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
      h("label", { class: "tick" }, tick, "use these shortcuts"),
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

/** Whether a key press is text input, or belongs to a shortcut of the browser or to a dialog. */
function isTyping(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.getModifierState("AltGraph")) return true;
  if (event.isComposing || event.defaultPrevented) return true;
  return document.activeElement?.closest(FIELDS) || document.querySelector("dialog[open]");
}

/** press(key): whether it was handled. Then its default action and its repetitions are suppressed, so that a field
    that gets the focus stays empty. */
export function shortcuts(help, press) {
  let pressed = null;
  addEventListener("keyup", () => (pressed = null));
  addEventListener("keydown", (event) => {
    if (event.repeat && event.key === pressed) return event.preventDefault();
    pressed = null;
    if (event.key.length !== 1 || event.repeat || isTyping(event) || localStorage.getItem(OFF)) return;
    if (event.key === "?") help.open();
    else if (!press(event.key)) return;
    pressed = event.key;
    event.preventDefault();
  });
}
