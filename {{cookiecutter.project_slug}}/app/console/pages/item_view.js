// One review item: the answer with its passages or the action, and the decisions so far.

import { get } from "./api.js";
import { h, replace } from "./dom.js";
import { VERBS } from "./decision_form.js";
import { badges, due } from "./queue.js";
import { cited, plain } from "./texts.js";
import { when } from "./times.js";

const ACTION_STATES = {
  waiting: "It waits for a decision.",
  approved: "Approved. No worker has run it yet.",
  done: "It has been done.",
  failed: "It failed.",
  rejected: "It was rejected and does not run.",
  expired: "It expired and does not run.",
};

/** place: the element for the form. */
export function renderItem(item, place) {
  const body = item.action ? action(item.action, item.sha256) : answer(item.answer);
  return [head(item), note(item), actionResult(item), body, place, facts(item), decisions(item)];
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
  const noteText =
    item.note &&
    h(
      "p",
      { class: "notice" },
      h("strong", {}, item.level >= 2 ? "Escalated: " : item.version > 1 ? "Changes requested: " : "Note: "),
      plain(item.note),
    );
  const after =
    item.timing === "after" &&
    h("p", { class: "notice" }, "This has been delivered already. A decision is recorded but cannot withdraw it.");
  const blind =
    item.kind === "overlap" &&
    h(
      "p",
      { class: "notice" },
      "A blind second review: you do not see the first decision, and yours delivers nothing.",
    );
  return [noteText, after, blind];
}

function answer(content) {
  const lead = (citation) => {
    const card = document.getElementById(`passage-${citation.marker}`);
    card.scrollIntoView({ block: "center" });
    card.focus();
  };
  return [
    h(
      "section",
      { class: "card", "aria-label": "Answer" },
      h("h2", {}, content.status === "refused" ? "Refusal" : "Answer"),
      content.searched_for &&
        h("p", { class: "facts", dir: "auto" }, "searched for ", h("strong", {}, plain(content.searched_for))),
      h("div", { id: "answer", class: "text", dir: "auto" }, cited(content.text, content.citations, lead)),
      quality(content),
    ),
    findings(content.findings),
    h(
      "section",
      { "aria-label": "Passages" },
      h("h2", {}, `Passages (${content.citations.length})`),
      content.citations.map(passage),
      !content.citations.length && h("p", { class: "quiet" }, "It has no citations."),
    ),
  ];
}

function quality(answer) {
  const share = (name, value) => [
    h("dt", {}, name),
    h(
      "dd",
      {},
      h("meter", { min: 0, max: 1, low: 0.5, high: 0.8, optimum: 1, value, "aria-label": name }),
      ` ${Math.round(value * 100)}\u00a0%`,
    ),
  ];
  const shares = [
    ["groundedness", answer.groundedness],
    ["the model's confidence", answer.confidence],
  ].filter(([, value]) => typeof value === "number");
  return h(
    "dl",
    { class: "facts" },
    shares.map(([name, value]) => share(name, value)),
    h("dt", {}, "written by"),
    h("dd", {}, answer.model, answer.degraded && ` (degraded: ${answer.reasons.join(", ")})`),
  );
}

function findings(rows) {
  if (!rows.length) return h("p", { class: "quiet" }, "No findings of the screening.");
  const lines = rows.map((each) =>
    h("li", {}, h("strong", {}, each.rule), ": ", plain(each.detail), each.count > 1 && ` (${each.count} times)`),
  );
  return h(
    "section",
    { class: "notice bad", "aria-label": "Findings" },
    h("h2", {}, "Findings of the screening"),
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
      ` · ${each.source}, version ${each.version}, characters ${each.start}–${each.end} · `,
      h("a", { href: placeOf(each), target: "_blank", rel: "opener" }, "open in the document"),
    ),
  );
}

/** The page of the document with the citation marked. The new tab has the key of this one, because it opens it. */
function placeOf({ document_id, version, start, end }) {
  return `document?${new URLSearchParams({ id: document_id, version, start, end })}`;
}

const ORIGINS = {
  question: "the question",
  configuration: "the configuration",
  passage: "a passage of a document",
  result: "the result of an action",
  model: "the model",
  client: "a program of the asker",
  reviewer: "a reviewer",
};

const UNTRUSTED = new Set(["passage", "result", "client"]);

/** Where an argument comes from; text that anybody may have written stands out. */
function origins(names) {
  return names.map((name) =>
    h("span", { class: UNTRUSTED.has(name) ? "badge urgent" : "badge" }, ORIGINS[name] ?? name),
  );
}

function action(payload, sha256) {
  const rows = Object.entries(payload.arguments).map(([name, value]) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, plain(name)),
      h("td", { dir: "auto" }, plain(typeof value === "string" ? value : JSON.stringify(value, null, 2))),
      h("td", {}, origins(payload.origins?.[name] ?? [])),
    ),
  );
  const warning =
    { irreversible: "It cannot be undone.", reversible: "It can be undone by hand." }[payload.risk] ??
    "";
  const head = h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "argument"), h("th", { scope: "col" }, "value"), h("th", { scope: "col" }, "comes from")));
  const text = canonical(payload);
  const same = h("p", { class: "quiet", role: "status" });
  hasDigest(text, sha256).then(
    (yes) =>
      (same.textContent = yes
        ? "Your browser computed its SHA-256 again: it is the one that is approved."
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
        h("code", {}, plain(payload.action)),
        " ",
        h("span", { class: payload.risk === "irreversible" ? "badge urgent" : "badge" }, payload.risk),
      ),
      h("p", {}, "for ", h("strong", {}, plain(payload.requester.name)), ". ", warning),
      h("table", {}, head, h("tbody", {}, rows)),
    ),
    h(
      "details",
      { class: "card" },
      h("summary", {}, "The exact bytes that would run"),
      h("pre", { class: "code" }, plain(text)),
      same,
    ),
  ];
}

/** The state of a decided action; a worker runs it, which may take a moment. */
function actionResult(item) {
  if (!item.action || item.state === "open") return null;
  const line = h("p", { class: "notice", role: "status" }, "Waiting for a worker…");
  const showState = (stored) => {
    const why = stored.reason && [" ", plain(stored.reason)];
    replace(line, h("strong", {}, ACTION_STATES[stored.state] ?? stored.state), why);
    line.classList.toggle("good", stored.state === "done");
    line.classList.toggle("bad", stored.state === "failed");
  };
  get(`v1/actions/${item.action_id}`, { wait: 20 }).then(showState, () => line.remove());
  return line;
}

/** Canonical JSON (sorted keys, no spaces), whose SHA-256 is approved. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)
    .join(",")}}`;
}

async function hasDigest(text, sha256) {
  if (!globalThis.crypto?.subtle) return false; // available only over https and on localhost
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("") === sha256;
}

function facts(item) {
  const { answer: content } = item;
  const rows = [
    ["SHA-256", h("code", {}, item.sha256)],
    ["version", item.version],
    ["decisions needed", item.needed],
    ["created", when(item.created_at)],
    ["item", h("code", {}, item.id)],
    ["answer", h("code", {}, item.answer_id)],
    item.action && ["action", h("code", {}, item.action_id)],
    item.action && ["release", h("code", {}, item.action.release_id)],
    item.action && ["nonce, good for one run", h("code", {}, item.action.nonce)],
    content && ["release", h("code", {}, content.release_id)],
    content && ["corpus version", content.corpus_version],
    content && ["cost", `${content.cost_micro_usd.toLocaleString("en")} micro-dollars`],
    content && ["trace", h("code", {}, content.trace_id)],
  ];
  const entries = rows.filter(Boolean).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
  return h(
    "details",
    { class: "card" },
    h(
      "summary",
      {},
      "Details: SHA-256 ",
      h("code", {}, item.sha256.slice(0, 12)),
      `…, version ${item.version}`,
    ),
    h("dl", { class: "facts" }, entries),
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
    h("p", {}, `${people} of the ${item.needed} people who must approve this version have approved it.`);
  const lines = item.decisions.map((each) =>
    h(
      "li",
      {},
      h("strong", {}, plain(each.reviewer)),
      ` ${VERBS[each.decision]?.pastTense.toLowerCase() ?? each.decision}, version ${each.version}, `,
      when(each.at),
      h("br", {}),
      h("q", {}, plain(each.reason)),
    ),
  );
  const none = !item.decisions.length && h("p", { class: "quiet" }, "No decisions yet.");
  return h(
    "section",
    { "aria-label": "Decisions" },
    h("h2", {}, "Decisions so far"),
    missing,
    none,
    h("ol", { class: "past" }, lines),
  );
}
