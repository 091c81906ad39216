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

export function shortcuts(help, press) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.repeat) return;
    if (event.target.closest("input, textarea, select, dialog") || localStorage.getItem(OFF)) return;
    if (event.key === "?") return help.open();
    if (event.key.length === 1) press(event.key);
  });
}
