// The list of review items, the earliest due first.

import { get } from "./api.js";
import { h, replace } from "./dom.js";
import { errorNotice } from "./shell.js";
import { plain } from "./texts.js";
import { countdown, when } from "./times.js";

const EVERY = 15_000;
const FILTERS = [
  [
    "state",
    "State",
    [
      ["open", "open"],
      ["decided", "decided"],
      ["expired", "expired"],
    ],
  ],
  [
    "kind",
    "Kind",
    [
      ["", "all"],
      ["answer", "answers"],
      ["action", "actions"],
      ["overlap", "second reviews"],
    ],
  ],
  [
    "risk_tier",
    "Risk",
    [
      ["", "all"],
      ["high", "high"],
      ["medium", "medium"],
      ["low", "low"],
    ],
  ],
];
export const KINDS = { answer: "answer", action: "action", overlap: "blind second review" };
export const OUTCOMES = {
  approved: "approved",
  edited: "approved with changes",
  rejected: "rejected",
  denied: "expired without a decision",
};

export class Queue {
  /** chosen(): the id of the item that is open. */
  constructor(caller, chosen) {
    this.caller = caller;
    this.chosen = chosen;
    this.items = [];
    this.filters = this.read();
    this.list = h("ol", { class: "rows" });
    this.messages = h("div", {});
    this.count = h("span", { class: "quiet", role: "status" });
    this.more = h("button", { type: "button", hidden: true, onclick: () => this.load(true) }, "Show more");
    this.element = h(
      "section",
      { class: "queue", "aria-label": "Queue" },
      this.head(),
      this.messages,
      this.list,
      this.more,
    );
    setInterval(() => document.hidden || this.load(), EVERY);
    document.addEventListener("visibilitychange", () => document.hidden || this.load());
  }

  read() {
    const parameters = new URLSearchParams(location.search);
    const choices = Object.fromEntries(FILTERS.map(([name, , [[first]]]) => [name, parameters.get(name) ?? first]));
    return { ...choices, rule: parameters.get("rule") ?? "", free: parameters.get("free") ?? "" };
  }

  head() {
    const set = (name) => (event) => {
      const { type, checked, value } = event.target;
      this.filters[name] = type === "checkbox" ? (checked ? "true" : "") : value.trim();
      const active = Object.entries(this.filters).filter(([, each]) => each !== "");
      history.replaceState(null, "", `?${new URLSearchParams(active)}${location.hash}`);
      this.load();
    };
    const choices = FILTERS.map(([name, label, values]) => {
      const options = values.map(([value, text]) =>
        h("option", { value, selected: value === this.filters[name] }, text),
      );
      return h("label", {}, label, h("select", { name, onchange: set(name) }, options));
    });
    const rule = h("input", {
      name: "rule",
      value: this.filters.rule,
      maxlength: 100,
      autocomplete: "off",
      onchange: set("rule"),
    });
    const free = h("input", {
      name: "free",
      type: "checkbox",
      checked: this.filters.free === "true",
      onchange: set("free"),
    });
    return h(
      "div",
      { class: "filters" },
      h("h2", {}, "Queue ", this.count),
      h(
        "div",
        { class: "choices" },
        choices,
        h("label", {}, "Rule", rule),
        h("label", { class: "tick" }, free, "unclaimed only"),
      ),
    );
  }

  async load(further = false) {
    const number = (this.requestNumber = (this.requestNumber ?? 0) + 1);
    const limit = Math.min(200, Math.max(50, this.items.length));
    try {
      const query = { ...this.filters, limit: further ? 50 : limit, after: further ? this.next : "" };
      const page = await get("v1/reviews", query);
      if (number !== this.requestNumber) return;
      this.items = further ? [...this.items, ...page.items] : page.items;
      this.next = page.next;
      replace(this.messages);
    } catch (error) {
      if (number !== this.requestNumber) return;
      replace(this.messages, errorNotice(error));
    }
    this.draw();
  }

  draw() {
    const focused = this.list.contains(document.activeElement) ? document.activeElement.hash : null;
    this.count.textContent = `${this.items.length}${this.next ? "+" : ""}`;
    this.more.hidden = !this.next;
    replace(
      this.list,
      this.items.map((item) => row(item, item.id === this.chosen(), this.caller.name)),
    );
    if (!this.items.length) replace(this.list, h("li", { class: "quiet nothing" }, "No items."));
    if (focused) this.list.querySelector(`a[href="${focused}"]`)?.focus();
  }

  /** The item `by` places from the open one. */
  beside(by) {
    const at = this.items.findIndex((item) => item.id === this.chosen());
    return this.items[at < 0 ? 0 : Math.min(this.items.length - 1, Math.max(0, at + by))];
  }

  /** Open items that nobody has claimed, the earliest due first, without `excluded`. */
  free(excluded) {
    return this.items.filter((item) => item.state === "open" && !item.claimed_by && item.id !== excluded);
  }
}

export function badges(item) {
  return [
    h("span", { class: `badge tier-${item.risk_tier}` }, `${item.risk_tier} risk`),
    item.kind !== "answer" && h("span", { class: "badge" }, KINDS[item.kind] ?? item.kind),
    item.level >= 2 && h("span", { class: "badge urgent" }, "escalated"),
    item.level === 1 && h("span", { class: "badge urgent" }, "urgent"),
    item.timing === "after" && h("span", { class: "badge" }, "already delivered"),
  ];
}

export function due(item) {
  if (item.state !== "open") return h("span", {}, OUTCOMES[item.outcome] ?? item.state);
  return countdown(item.due_at, "due in ", "past due");
}

function row(item, chosen, me) {
  const claim =
    item.claimed_by &&
    h("span", { class: "claimed" }, item.claimed_by === me ? "yours" : `claimed by ${item.claimed_by}`);
  const link = h(
    "a",
    { href: `#${item.id}`, class: item.level ? "row escalated" : "row", "aria-current": chosen ? "true" : null },
    h("span", { class: "question", dir: "auto" }, plain(item.question)),
    h("span", { class: "facts" }, due(item), badges(item), claim),
    h("span", { class: "facts quiet" }, item.rule, " · ", when(item.created_at)),
  );
  return h("li", {}, link);
}
