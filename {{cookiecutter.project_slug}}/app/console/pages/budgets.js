// Budgets, and costs by day, feature, model, release and environment.

import { get } from "./api.js";
import { bar, columns, dollars, rows } from "./charts.js";
import { h, replace, say } from "./dom.js";
import { errorNotice, open } from "./shell.js";
import { countdown, when } from "./times.js";

const EVERY = 30_000;
const BREAKDOWNS = {
  feature: "By feature",
  model: "By model",
  release: "By release",
  environment: "By environment",
  key: "By key",
  person: "By person",
};

class BudgetPage {
  constructor() {
    this.days = 30;
    this.messages = h("div", { role: "alert" });
    this.budgets = h("section", { "aria-label": "Budgets" });
    this.costs = h("section", { "aria-label": "Spend" });
    const choice = h("select", {
      id: "days",
      onchange: ({ target }) => ((this.days = Number(target.value)), this.load()),
    });
    choice.append(
      ...[7, 30, 90, 365].map((days) => h("option", { value: days, selected: days === this.days }, `${days} days`)),
    );
    this.period = h("p", { class: "period" }, h("label", { for: "days" }, "Spend of the last"), choice);
    this.element = h(
      "div",
      { class: "money" },
      this.messages,
      h("h1", {}, "Budgets"),
      this.budgets,
      h("h1", {}, "Spend"),
      this.period,
      this.costs,
    );
    setInterval(() => document.hidden || this.load(), EVERY);
  }

  async load() {
    const number = (this.requestNumber = (this.requestNumber ?? 0) + 1);
    const until = new Date();
    const since = new Date(until.getTime() - (this.days - 1) * 86_400_000);
    const period = { since: since.toISOString().slice(0, 10) };
    try {
      const [budgets, costs, units] = await Promise.all([
        get("v1/budgets"),
        get("v1/costs", period),
        get("v1/costs/units", period),
      ]);
      if (number !== this.requestNumber) return;
      replace(this.messages);
      replace(this.budgets, budgets.map(budget), forecast(units, budgets));
      this.draw(costs, units);
    } catch (error) {
      if (number === this.requestNumber) replace(this.messages, errorNotice(error));
    }
  }

  draw(costs, units) {
    const expanded = new Set(
      [...this.costs.querySelectorAll("details[open]")].map((each) => each.parentElement.dataset.name),
    );
    const breakdowns = Object.entries(BREAKDOWNS).filter(([name]) => costs[`by_${name}`]?.length);
    const whole = h(
      "p",
      { class: "quiet" },
      `${dollars(costs.total.micro_usd)} for ${costs.total.calls.toLocaleString("en")} ${costs.total.calls === 1 ? "call" : "calls"}, ${costs.since} to ${costs.until} (days of ${costs.time_zone}).`,
    );
    replace(
      this.costs,
      whole,
      card("Day by day", "day", columns(costs.by_day, costs.since, costs.until)),
      h(
        "div",
        { class: "two" },
        breakdowns.map(([name, title]) => card(title, name, rows(name, costs[`by_${name}`]))),
        card("Unit costs", "units", unitCosts(units)),
        units.releases.length > 0 && card("Cost per answer, by release", "releases", releases(units.releases)),
      ),
    );
    for (const name of expanded) this.costs.querySelector(`[data-name="${name}"] details`)?.setAttribute("open", "");
  }
}

const card = (title, name, ...content) =>
  h("section", { class: "card", "data-name": name, "aria-label": title }, h("h2", {}, title), content);

function budget(row) {
  const { limit_micro_usd: limit, committed_micro_usd: committed, held_micro_usd: held } = row;
  const name = `${row.scope === "service" ? "Whole service" : "This tenant"}, ${{ day: "today", month: "this month" }[row.span] ?? row.span}`;
  const full = limit !== null && committed + held >= limit;
  const near = limit !== null && row.used_percent >= 80;
  const amounts =
    limit === null
      ? `${dollars(committed)} spent, ${dollars(held)} held; no limit.`
      : `${dollars(committed)} spent, ${dollars(held)} held, ${dollars(Math.max(0, limit - committed - held))} left of ${dollars(limit)}.`;
  const labels = [
    full && h("span", { class: "badge urgent" }, "used up"),
    !full && near && h("span", { class: "badge tier-medium" }, "nearly used up"),
    row.set_by_hand && h("span", { class: "badge" }, "set by hand"),
    row.granted_micro_usd > 0 && h("span", { class: "badge" }, `${dollars(row.granted_micro_usd)} granted`),
  ];
  const parts = [
    [full ? "over" : "spent", committed],
    ["held-part", held],
  ];
  return h(
    "article",
    { class: "card" },
    h("h2", {}, name, " ", limit !== null && h("span", { class: "quiet" }, `${row.used_percent} % `), labels),
    limit !== null && bar(parts, limit, `${name}: ${amounts}`),
    h("p", { class: "under" }, amounts, row.allowed_micro_usd !== limit && allowed(row.allowed_micro_usd)),
    h(
      "p",
      { class: "quiet" },
      countdown(row.opens_at, full ? "opens again in " : "next window in ", "the next window begins now", 0),
      " (",
      when(row.opens_at),
      ")",
    ),
  );
}

/** The tenant has set itself a lower limit. */
const allowed = (amount) => ` The service allows ${amount === null ? "any amount" : dollars(amount)}.`;

function forecast(units, budgets) {
  const { month_spent_micro_usd: spent, month_expected_micro_usd: expected } = units;
  const limit = budgets.find((each) => each.scope === "tenant" && each.span === "month")?.limit_micro_usd ?? null;
  const over = limit !== null && expected > limit;
  const words = `${dollars(spent)} spent so far; ${dollars(expected)} by the end of the month, extrapolated from the last seven days.`;
  const verdict =
    limit !== null &&
    (over
      ? `That is ${dollars(expected - limit)} more than the budget of ${dollars(limit)}.`
      : `The budget is ${dollars(limit)}.`);
  return h(
    "article",
    { class: "card whole" },
    h(
      "h2",
      {},
      "This tenant, to the end of the month ",
      over && h("span", { class: "badge urgent" }, "over the budget"),
    ),
    bar(
      [
        ["spent", spent],
        ["expected", Math.max(0, expected - spent)],
      ],
      Math.max(limit ?? 0, expected),
      words,
    ),
    h("p", { class: "under" }, words, " ", verdict),
    h(
      "p",
      { class: "quiet legend" },
      h("span", { class: "key spent" }),
      "spent",
      h("span", { class: "key held-part" }),
      "held for calls in progress",
      h("span", { class: "key expected" }),
      "expected",
    ),
  );
}

function unitCosts(units) {
  const lines = units.units.map((unit) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, unit.name),
      h("td", {}, unit.count.toLocaleString("en")),
      h("td", {}, dollars(unit.micro_usd_each)),
      h("td", {}, dollars(unit.micro_usd)),
    ),
  );
  const head = ["unit", "count", "each", "total"].map((text) => h("th", { scope: "col" }, text));
  return h("div", { class: "wide" }, h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, lines)));
}

function releases(costs) {
  const percent = (change) =>
    change === null ? "the first" : `${change > 0 ? "+" : ""}${(change * 100).toFixed(1)} %`;
  const lines = costs.map((each) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, h("code", {}, each.release_id.slice(0, 12))),
      h("td", {}, when(each.first_at)),
      h("td", {}, each.answers.toLocaleString("en")),
      h("td", {}, dollars(each.micro_usd_each)),
      h("td", {}, percent(each.change)),
    ),
  );
  const head = ["release", "since", "answers", "each", "change"].map((text) => h("th", { scope: "col" }, text));
  return h("div", { class: "wide" }, h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, lines)));
}

open("costs:read", async () => {
  const page = new BudgetPage();
  replace(document.getElementById("main"), page.element);
  await page.load();
  say("Budgets shown.");
});
