// One item, as a person has to see it to decide: what would leave, what it rests on, and who said what about it.

import { get } from "./api.js";
import { h, replace } from "./dom.js";
import { VERBS } from "./deciding.js";
import { badges, due } from "./queue.js";
import { cited, plain } from "./texts.js";
import { when } from "./times.js";

const ENDS = {
  waiting: "It waits.",
  approved: "Approved. No worker has taken it up yet.",
  done: "It has been done.",
  failed: "It could not be done.",
  rejected: "It was rejected and is not done.",
  expired: "Its time ran out, and it is not done.",
};

/** place: where the form will stand. */
export function shown(item, place) {
  const body = item.action ? action(item.action, item.sha256) : answer(item.answer);
  return [head(item), note(item), became(item), body, place, facts(item), decisions(item)];
}

function head(item) {
  return h(
    "header",
    {},
    h("h1", { id: "question", tabindex: -1, dir: "auto" }, plain(item.question)),
    h(
      "p",
      { class: "facts" },
      due(item),
      badges(item),
      h("span", {}, "asked by ", h("strong", {}, plain(item.asker))),
      h("span", {}, "rule ", h("strong", {}, item.rule)),
    ),
  );
}

function note(item) {
  const given =
    item.note &&
    h(
      "p",
      { class: "notice" },
      h("strong", {}, item.level >= 2 ? "Handed up: " : item.version > 1 ? "Changes were asked for: " : "Note: "),
      plain(item.note),
    );
  const after =
    item.timing === "after" &&
    h("p", { class: "notice" }, "The asker has this already. A decision is recorded and does not take it back.");
  const blind =
    item.kind === "overlap" &&
    h(
      "p",
      { class: "notice" },
      "A second look: you are not told what the first reviewer said, and nothing is delivered by it.",
    );
  return [given, after, blind];
}

function answer(found) {
  const lead = (citation) => {
    const card = document.getElementById(`passage-${citation.marker}`);
    card.scrollIntoView({ block: "center" });
    card.focus();
  };
  return [
    h(
      "section",
      { class: "card", "aria-label": "Answer" },
      h("h2", {}, found.status === "refused" ? "Refusal" : "Answer"),
      h("div", { id: "answer", class: "text", dir: "auto" }, cited(found.text, found.citations, lead)),
      grounds(found),
    ),
    findings(found.findings),
    h(
      "section",
      { "aria-label": "Passages" },
      h("h2", {}, `Passages (${found.citations.length})`),
      found.citations.map(passage),
      !found.citations.length && h("p", { class: "quiet" }, "It cites none."),
    ),
  ];
}

function grounds(found) {
  const share = (name, value) => [
    h("dt", {}, name),
    h(
      "dd",
      {},
      h("meter", { min: 0, max: 1, low: 0.5, high: 0.8, optimum: 1, value, "aria-label": name }),
      ` ${Math.round(value * 100)}\u00a0%`,
    ),
  ];
  const known = [
    ["stands in the passages", found.groundedness],
    ["the model's confidence", found.confidence],
  ].filter(([, value]) => typeof value === "number");
  return h(
    "dl",
    { class: "facts" },
    known.map(([name, value]) => share(name, value)),
    h("dt", {}, "written by"),
    h("dd", {}, found.model, found.degraded && ` (degraded: ${found.reasons.join(", ")})`),
  );
}

function findings(found) {
  if (!found.length) return h("p", { class: "quiet" }, "Screening found nothing.");
  const lines = found.map((each) =>
    h("li", {}, h("strong", {}, each.rule), ": ", plain(each.detail), each.count > 1 && ` (${each.count} times)`),
  );
  return h(
    "section",
    { class: "notice bad", "aria-label": "Findings" },
    h("h2", {}, "Screening found"),
    h("ul", {}, lines),
  );
}

function passage(each) {
  const place = [...each.headings, each.uri].filter(Boolean).join(" › ");
  return h(
    "article",
    { class: "card passage", id: `passage-${each.marker}`, tabindex: -1, "aria-label": `Passage ${each.marker}` },
    h("h3", {}, h("span", { class: "number" }, `[${each.marker}]`), " ", plain(each.title)),
    h("blockquote", { dir: "auto" }, plain(each.quote)),
    h(
      "p",
      { class: "quiet" },
      plain(place),
      ` · ${each.source}, version ${each.version}, characters ${each.start}–${each.end}`,
    ),
  );
}

function action(found, sha256) {
  const rows = Object.entries(found.arguments).map(([name, value]) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, plain(name)),
      h("td", { dir: "auto" }, plain(typeof value === "string" ? value : JSON.stringify(value, null, 2))),
    ),
  );
  const warning =
    { irreversible: "What it does cannot be undone.", reversible: "What it does can be undone by hand." }[found.risk] ??
    "";
  const head = h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "argument"), h("th", { scope: "col" }, "value")));
  const text = canonical(found);
  const same = h("p", { class: "quiet", role: "status" });
  agrees(text, sha256).then(
    (yes) =>
      (same.textContent = yes
        ? "This browser computed the SHA-256 of it again, and it is the one that is approved."
        : ""),
  );
  return [
    h(
      "section",
      { class: "card", "aria-label": "Action" },
      h(
        "h2",
        {},
        "Action ",
        h("code", {}, plain(found.action)),
        " ",
        h("span", { class: found.risk === "irreversible" ? "badge urgent" : "badge" }, found.risk),
      ),
      h("p", {}, "for ", h("strong", {}, plain(found.requester.name)), ". ", warning),
      h("table", {}, head, h("tbody", {}, rows)),
    ),
    h(
      "details",
      { class: "card" },
      h("summary", {}, "What would run, to the byte"),
      h("pre", { class: "code" }, plain(text)),
      same,
    ),
  ];
}

/** What an action came to, once somebody has decided on it; running it is the worker's, and may take a moment. */
function became(item) {
  if (!item.action || item.state === "open") return null;
  const line = h("p", { class: "notice", role: "status" }, "A worker takes it up…");
  const tell = (found) => {
    const why = found.reason && [" ", plain(found.reason)];
    replace(line, h("strong", {}, ENDS[found.state] ?? found.state), why);
    line.classList.toggle("good", found.state === "done");
    line.classList.toggle("bad", found.state === "failed");
  };
  get(`v1/actions/${item.action_id}`, { wait: 20 }).then(tell, () => line.remove());
  return line;
}

/** Keys sorted and no spaces: the spelling whose SHA-256 is approved. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)
    .join(",")}}`;
}

async function agrees(text, sha256) {
  if (!globalThis.crypto?.subtle) return false; // a browser computes it over https and on this machine only
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("") === sha256;
}

function facts(item) {
  const { answer: found } = item;
  const rows = [
    ["SHA-256", h("code", {}, item.sha256)],
    ["version", item.version],
    ["decisions needed", item.needed],
    ["came in", when(item.created_at)],
    ["item", h("code", {}, item.id)],
    ["answer", h("code", {}, item.answer_id)],
    item.action && ["action", h("code", {}, item.action_id)],
    item.action && ["release", h("code", {}, item.action.release_id)],
    item.action && ["nonce, good for one run", h("code", {}, item.action.nonce)],
    found && ["release", h("code", {}, found.release_id)],
    found && ["corpus version", found.corpus_version],
    found && ["cost", `${found.cost_micro_usd.toLocaleString("en")} micro-dollars`],
    found && ["trace", h("code", {}, found.trace_id)],
  ];
  const shown = rows.filter(Boolean).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
  return h(
    "details",
    { class: "card" },
    h(
      "summary",
      {},
      "What is decided on: SHA-256 ",
      h("code", {}, item.sha256.slice(0, 12)),
      `…, version ${item.version}`,
    ),
    h("dl", { class: "facts" }, shown),
  );
}

function decisions(item) {
  const of = item.decisions.filter(
    (each) => each.version === item.version && ["approve", "edit"].includes(each.decision),
  );
  const people = new Set(of.map((each) => each.reviewer)).size;
  const missing =
    item.state === "open" &&
    item.needed > 1 &&
    h("p", {}, `${people} of the ${item.needed} people who must approve this version have done so.`);
  const lines = item.decisions.map((each) =>
    h(
      "li",
      {},
      h("strong", {}, plain(each.reviewer)),
      ` ${VERBS[each.decision]?.said.toLowerCase() ?? each.decision}, version ${each.version}, `,
      when(each.at),
      h("br", {}),
      h("q", {}, plain(each.reason)),
    ),
  );
  const none = !item.decisions.length && h("p", { class: "quiet" }, "Nobody has decided anything yet.");
  return h(
    "section",
    { "aria-label": "Decisions" },
    h("h2", {}, "Decisions so far"),
    missing,
    none,
    h("ol", { class: "past" }, lines),
  );
}
