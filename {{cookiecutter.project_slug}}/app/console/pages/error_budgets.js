// What was used of the error budget of each objective, and whether that stops releases.

import { get } from "./api.js";
import { bar } from "./charts.js";
import { h, replace, say } from "./dom.js";
import { errorNotice, open } from "./shell.js";

const EVERY = 60_000;
const LABELS = {
  spent: h("span", { class: "badge urgent" }, "used up"),
  unjudged: h("span", { class: "badge" }, "too few events to judge"),
};

class ErrorBudgetPage {
  constructor() {
    this.messages = h("div", { role: "alert" });
    this.verdict = h("div", { "aria-label": "Releases", role: "group" });
    this.budgets = h("section", { "aria-label": "Error budgets" });
    this.element = h("div", { class: "money" }, this.messages, h("h1", {}, "Error budgets"), this.verdict, this.budgets);
    setInterval(() => document.hidden || this.load(), EVERY);
  }

  async load() {
    try {
      const standing = await get("v1/monitoring/error-budgets");
      replace(this.messages);
      replace(this.verdict, verdict(standing));
      replace(this.budgets, standing.budgets.map(budget));
    } catch (error) {
      replace(this.messages, errorNotice(error));
    }
  }
}

function verdict({ freezes, window_days: days }) {
  const window = h("p", { class: "quiet" }, `Of production, all tenants, within the last ${days} days.`);
  if (!freezes.length) return [h("p", {}, "No spent budget stops a release."), window];
  return [
    h(
      "div",
      { class: "notice bad" },
      h("p", {}, h("strong", {}, `Releases are stopped: the error budget of ${freezes.map(named).join(", ")} is used up.`)),
      h("p", {}, "A rollback goes live, and a release that somebody other than its author calls a fix: app monitoring allow."),
    ),
    window,
  ];
}

function budget(row) {
  const allowed = (1 - row.target) * row.events;
  const spent = row.state === "spent";
  const words =
    row.events === 0
      ? "No events."
      : `${count(row.bad)} of ${count(row.events)} went wrong; ${count(Math.floor(allowed + 1e-6))} may, at an objective of ${share(row.target)}.`;
  const used = Math.min(row.used, 1);
  return h(
    "article",
    { class: "card", "data-objective": row.objective },
    h("h2", {}, named(row.objective), " ", h("span", { class: "quiet" }, `${share(row.used)} used `), LABELS[row.state]?.cloneNode(true)),
    bar([[spent ? "over" : "spent", used]], 1, `${named(row.objective)}: ${share(row.used)} of the error budget used`),
    h("p", { class: "under" }, row.meaning),
    h("p", { class: "quiet" }, words),
  );
}

const named = (objective) => objective.replaceAll("_", " ");
const count = (value) => value.toLocaleString("en");
const share = (value) => `${(value * 100).toLocaleString("en", { maximumFractionDigits: 1 })}\u00a0%`;

open("governance:read", async () => {
  const page = new ErrorBudgetPage();
  replace(document.getElementById("main"), page.element);
  await page.load();
  say("Error budgets shown.");
});
