// Charts as SVG, each with a table of its figures.

import { h, svg } from "./dom.js";
import { plain } from "./texts.js";

const WIDE = 720;
const MAX_ROWS = 12;

/** Micro-dollars as dollars: two decimal places, more for amounts below a dollar. */
export function dollars(micro) {
  const value = micro / 1e6;
  const digits = value === 0 || Math.abs(value) >= 1 ? 2 : Math.abs(value) >= 0.01 ? 4 : 6;
  return `$${value.toLocaleString("en", { minimumFractionDigits: digits === 2 ? 2 : 0, maximumFractionDigits: digits })}`;
}

/** One bar of parts: [[class, value], …] of `whole`. */
export function bar(parts, whole, label) {
  const height = 14;
  const all = Math.max(
    whole,
    parts.reduce((sum, [, value]) => sum + value, 0),
    1,
  );
  let x = 0;
  const drawn = parts.map(([kind, value]) => {
    const width = (value / all) * WIDE;
    const part = svg("rect", { x, y: 0, width, height, class: kind });
    x += width;
    return part;
  });
  const back = svg("rect", { x: 0, y: 0, width: WIDE, height, class: "empty" });
  return svg(
    "svg",
    {
      class: "bar-chart",
      viewBox: `0 0 ${WIDE} ${height}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": label,
    },
    back,
    drawn,
  );
}

/** A column for each day from `since` to `until`; days without a row are empty. rows: [{key, micro_usd, calls}] */
export function columns(rows, since, until) {
  const byDay = new Map(rows.map((row) => [row.key, row]));
  const days = [];
  for (
    let day = new Date(`${since}T00:00:00Z`);
    days.length < 400 && day <= new Date(`${until}T00:00:00Z`);
    day.setUTCDate(day.getUTCDate() + 1)
  )
    days.push(day.toISOString().slice(0, 10));
  const most = Math.max(1, ...rows.map((row) => row.micro_usd));
  const [height, step] = [150, WIDE / days.length];
  const drawn = days.map((day, index) => {
    const spent = byDay.get(day)?.micro_usd ?? 0;
    const tall = spent ? Math.max(1.5, (spent / most) * height) : 0;
    const place = { x: index * step + step * 0.1, y: height - tall, width: step * 0.8, height: tall, class: "spent" };
    return svg("rect", place, svg("title", {}, `${day}: ${dollars(spent)}`));
  });
  const top = dollars(rows.length ? most : 0);
  const words = `Spend by day from ${since} to ${until}; the most on one day is ${top}.`;
  const line = svg("line", { x1: 0, x2: WIDE, y1: height + 0.5, y2: height + 0.5 });
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${WIDE} ${height + 1}`, role: "img", "aria-label": words, class: "columns" },
    line,
    drawn,
  );
  const ends = h("p", { class: "quiet ends", "aria-hidden": "true" }, h("span", {}, since), h("span", {}, until));
  return [h("p", { class: "quiet ends", "aria-hidden": "true" }, top), picture, ends, figures("day", rows)];
}

/** A row for each key, the largest first; the rest is one row. */
export function rows(name, totals) {
  const sorted = [...totals].sort((one, other) => other.micro_usd - one.micro_usd);
  const shown = sorted.slice(0, MAX_ROWS);
  const rest = sorted.slice(MAX_ROWS);
  if (rest.length)
    shown.push({
      key: `${rest.length} more`,
      micro_usd: rest.reduce((sum, row) => sum + row.micro_usd, 0),
      calls: rest.reduce((sum, row) => sum + row.calls, 0),
    });
  const most = Math.max(1, ...shown.map((row) => row.micro_usd));
  const lines = shown.map((row) =>
    h(
      "li",
      {},
      h("span", { class: "name", title: row.key }, plain(nameOf(row))),
      bar([["spent", row.micro_usd]], most, `${nameOf(row)}: ${dollars(row.micro_usd)}`),
      h("span", { class: "amount" }, dollars(row.micro_usd)),
    ),
  );
  return [h("ol", { class: "bars" }, lines), figures(name, sorted)];
}

/** A key of the API has a name beside its id. */
const nameOf = (row) => row.name || row.key || "none";

function figures(name, totals) {
  const head = [name, "calls", "input tokens", "output tokens", "spent"].map((text) => h("th", { scope: "col" }, text));
  const body = totals.map((row) =>
    h(
      "tr",
      {},
      h("th", { scope: "row", title: row.key }, plain(nameOf(row))),
      [row.calls, row.input_tokens, row.output_tokens].map((value) => h("td", {}, (value ?? 0).toLocaleString("en"))),
      h("td", {}, dollars(row.micro_usd)),
    ),
  );
  return h(
    "details",
    {},
    h("summary", { class: "quiet" }, "Figures"),
    h("div", { class: "wide" }, h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, body))),
  );
}
