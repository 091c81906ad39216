// Documents that are not served until a person decides: why, what helps, and the decision.

import { download, get, post } from "./api.js";
import { h, replace, say } from "./dom.js";
import { errorNotice, open } from "./shell.js";
import { plain } from "./texts.js";
import { when } from "./times.js";

const PAST = { release: "Released: it is processed again.", discard: "Discarded." };

class QuarantinePage {
  constructor(caller) {
    this.decides = caller.permissions.includes("quarantine:decide");
    this.entries = h("div", {});
    this.more = h("p", {});
    this.element = h("div", { class: "document" }, h("h1", {}, "Quarantine"), this.entries, this.more);
  }

  async load(after = null) {
    try {
      const page = await get("v1/quarantine", { after });
      this.entries.append(...page.items.map((each) => this.entry(each)));
      const none = !this.entries.children.length && h("p", { class: "quiet nothing" }, "Nothing waits for a decision.");
      const next = () => this.load(page.next);
      replace(this.more, none, page.next && h("button", { type: "button", onclick: next }, "Show more"));
    } catch (error) {
      replace(this.more, errorNotice(error));
    }
  }

  entry(entry) {
    const messages = h("div", { role: "alert" });
    const original = () =>
      download(`v1/quarantine/${entry.id}/original`).catch((error) => replace(messages, errorNotice(error)));
    const card = h(
      "article",
      { class: "card", "aria-label": entry.name },
      h("h2", { dir: "auto" }, plain(entry.uri)),
      h(
        "p",
        { class: "facts" },
        h("span", { class: "badge" }, entry.reason),
        h("span", {}, plain(entry.source), `, version ${entry.version}`),
        h("span", {}, "since ", when(entry.created_at)),
        h("span", {}, `for ${entry.access_groups.join(", ") || "everybody"}`),
      ),
      h("p", {}, plain(entry.detail)),
      entry.action && h("p", { class: "quiet" }, plain(entry.action)),
      findings(entry.findings),
      messages,
      h(
        "p",
        { class: "buttons" },
        h("button", { type: "button", onclick: original }, "Download the original file"),
        h("span", { class: "quiet" }, `${entry.size.toLocaleString("en")} bytes; it may be malicious.`),
      ),
      this.decides && decision(entry, messages, (text) => {
        replace(card, h("h2", { dir: "auto" }, plain(entry.uri)), h("p", { class: "notice good" }, text));
        say(text);
      }),
    );
    return card;
  }
}

function findings(rows) {
  const lines = rows.map((each) => h("li", {}, h("strong", {}, each.rule), ": ", plain(each.detail)));
  return rows.length > 0 && h("ul", {}, lines);
}

function decision(entry, messages, done) {
  const note = h("input", { id: `note-${entry.id}`, autocomplete: "off" });
  const decide = (verb) => async () => {
    try {
      await post(`v1/quarantine/${entry.id}/${verb}`, { note: note.value.trim() });
      done(PAST[verb]);
    } catch (error) {
      replace(messages, errorNotice(error));
    }
  };
  return h(
    "div",
    {},
    h("label", { for: note.id }, "Why; it is stored with the decision"),
    note,
    h(
      "p",
      { class: "buttons" },
      h("button", { type: "button", class: "main", onclick: decide("release") }, "Release"),
      h("button", { type: "button", class: "danger", onclick: decide("discard") }, "Discard"),
    ),
  );
}

open("quarantine:read", (caller) => {
  const page = new QuarantinePage(caller);
  replace(document.getElementById("main"), page.element);
  page.load();
});
