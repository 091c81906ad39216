// What a reviewer says about an item: a decision, the reason for it, and with an edit the new text.

import { once, post } from "./api.js";
import { difference } from "./diff.js";
import { h, replace, say } from "./dom.js";
import { trouble } from "./shell.js";

export const VERBS = {
  approve: { letter: "a", name: "Approve", said: "Approved", hint: "It goes on as it stands above." },
  edit: {
    letter: "e",
    name: "Edit",
    send: "Approve my text",
    said: "Edited and approved",
    hint: "Your text goes on instead. It may cite only the passages above.",
  },
  reject: { letter: "r", name: "Reject", said: "Rejected", hint: "It never goes on." },
  request_changes: {
    letter: "q",
    name: "Request changes",
    said: "Changes requested",
    hint: "It goes back to the queue with your reason; earlier approvals do not count any more.",
  },
  escalate: {
    letter: "x",
    name: "Escalate",
    said: "Handed up",
    hint: "It goes to whoever holds the permission reviews:escalated.",
  },
};
const BLIND = ["approve", "edit", "reject"];
const NEXT_STEP = {
  review_taken: "Take the next one; this one may be free again later.",
  review_closed: "There is nothing left to decide here. Take the next one.",
  review_lease_lost: "What you typed is kept. Claim the item again, look whether it has changed, and decide.",
  review_changed: "What you typed is kept. Claim the item again: you will see what it says now.",
  payload_changed: "What you typed is kept. Claim the item again: you will see what it says now.",
};

export const verbs = (item) => (item.kind === "overlap" ? BLIND : Object.keys(VERBS));

/** What an edit begins with: the answer's text, or the arguments of an action. */
export const original = (item) => (item.action ? JSON.stringify(item.action.arguments, null, 2) : item.answer.text);

/** As the service judges a reason: a word of three letters or more, and not one letter again and again. */
const hasWord = (text) =>
  text.split(/\s+/).some((each) => {
    const letters = each.toLowerCase().match(/\p{L}/gu) ?? [];
    return letters.length >= 3 && new Set(letters).size > 1;
  });

/** Why something did not work, and what to do now. */
export function explained(error, ...buttons) {
  error.action = NEXT_STEP[error.code] ?? error.action;
  return trouble(error, buttons.length ? h("p", { class: "buttons" }, buttons) : null);
}

export class Form {
  /** draft: {verb, text, reason}, kept up to date. done(result, verb), lost(error): what became of it. */
  constructor(item, lease, draft, done, lost, closed) {
    Object.assign(this, { item, lease, draft, done, lost, closed });
    this.verb = draft.verb;
    this.name = VERBS[this.verb].send ?? VERBS[this.verb].name;
    this.told = h("div", { role: "alert" });
    this.reason = h("textarea", { id: "reason", rows: 2, maxlength: 2000, required: true, "aria-describedby": "hint" });
    this.reason.value = draft.reason ?? "";
    this.reason.addEventListener("input", () => (draft.reason = this.reason.value));
    this.submit = h("button", { class: this.verb === "reject" ? "main danger" : "main" }, this.name);
    this.element = h("form", {
      class: "card deciding",
      "aria-label": VERBS[this.verb].name,
      onsubmit: (event) => this.send(event),
      onkeydown: (event) => this.key(event),
    });
    this.element.append(
      h("h2", {}, VERBS[this.verb].name),
      h(
        "p",
        { id: "hint", class: "quiet" },
        this.verb === "edit" && item.action
          ? "Your arguments are used instead; name all of them."
          : VERBS[this.verb].hint,
      ),
      ...(this.verb === "edit" ? this.editor() : []),
      h("label", { for: "reason" }, "Reason, for the audit log"),
      this.reason,
      this.told,
      h(
        "p",
        { class: "buttons" },
        this.submit,
        h("button", { type: "button", onclick: closed }, "Cancel"),
        h("span", { class: "quiet keys" }, "Ctrl Enter sends, Esc cancels"),
      ),
    );
  }

  focus() {
    (this.text ?? this.reason).focus();
    this.element.scrollIntoView({ block: "nearest" });
  }

  editor() {
    const before = original(this.item);
    const json = Boolean(this.item.action);
    this.text = h("textarea", {
      id: "text",
      rows: Math.min(16, Math.max(5, before.split("\n").length + 3)),
      maxlength: 20000,
      spellcheck: json ? "false" : "true",
      class: json ? "code" : null,
      dir: "auto",
    });
    this.text.value = this.draft.text ?? before;
    const shown = h("div", { class: json ? "diff code" : "diff", dir: "auto" });
    const draw = () => {
      const after = this.text.value;
      replace(
        shown,
        after === before ? h("span", { class: "quiet" }, "Nothing changed yet.") : difference(before, after),
      );
    };
    let soon;
    this.text.addEventListener("input", () => {
      this.draft.text = this.text.value;
      clearTimeout(soon);
      soon = setTimeout(draw, 120);
    });
    draw();
    return [
      h("label", { for: "text" }, json ? "Arguments, as JSON" : "The answer in your words"),
      this.text,
      h("h3", {}, "What changes"),
      shown,
    ];
  }

  key(event) {
    if (event.isComposing || event.repeat) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.element.requestSubmit();
    if (event.key === "Escape") this.closed();
  }

  async send(event) {
    event.preventDefault();
    if (this.sending) return;
    const wrong = this.wrong();
    if (wrong) return this.tell(h("div", { class: "notice bad" }, wrong));
    const body = {
      decision: this.verb,
      reason: this.reason.value.trim(),
      token: this.lease.token,
      version: this.item.version,
      sha256: this.item.sha256,
    };
    if (this.verb === "edit") body.text = this.text.value;
    const words = JSON.stringify(body);
    // The same decision sent again has the same key, so that a reply that got lost does not decide twice.
    if (words !== this.words) Object.assign(this, { words, once: once() });
    this.busy(true);
    try {
      const result = await post(`v1/reviews/${this.item.id}/decide`, body, { "idempotency-key": this.once });
      this.done(result, this.verb);
    } catch (error) {
      if (error.status === 409) this.lost(error);
      else this.tell(explained(error));
    } finally {
      this.busy(false);
    }
  }

  wrong() {
    if (!this.reason.value.trim()) return "Write a reason: whoever reads the audit log in a year wants to know it.";
    if (!hasWord(this.reason.value)) return "Write the reason in words: a letter or two tell nobody why.";
    if (this.verb !== "edit") return null;
    if (this.text.value === original(this.item)) return "Nothing is changed. To let it go on as it stands, approve it.";
    if (!this.item.action) return null;
    try {
      const read = JSON.parse(this.text.value);
      return read && typeof read === "object" && !Array.isArray(read) ? null : "The arguments must be a JSON object.";
    } catch (error) {
      return `This is not JSON: ${error.message}`;
    }
  }

  busy(on) {
    this.sending = on;
    this.submit.disabled = on;
    this.submit.textContent = on ? "Sending…" : this.name;
  }

  tell(node) {
    replace(this.told, node);
    say(node.textContent, true);
  }
}
