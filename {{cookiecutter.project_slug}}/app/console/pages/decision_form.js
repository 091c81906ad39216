// The form of a decision: its reason, and for an edit the new text.

import { newIdempotencyKey, post } from "./api.js";
import { difference } from "./diff.js";
import { h, replace, say } from "./dom.js";
import { errorNotice } from "./shell.js";

export const VERBS = {
  approve: { letter: "a", name: "Approve", pastTense: "Approved", hint: "It is delivered or run exactly as shown above." },
  edit: {
    letter: "e",
    name: "Edit",
    send: "Approve my text",
    pastTense: "Edited and approved",
    hint: "Your text is delivered instead. It may cite only the passages above.",
  },
  reject: { letter: "r", name: "Reject", pastTense: "Rejected", hint: "It is never delivered and never runs." },
  request_changes: {
    letter: "q",
    name: "Request changes",
    pastTense: "Changes requested",
    hint: "It goes back to the queue with your reason; earlier approvals no longer count.",
  },
  escalate: {
    letter: "x",
    name: "Escalate",
    pastTense: "Escalated",
    hint: "Only reviewers with the permission reviews:escalated can decide it then.",
  },
};
const BLIND = ["approve", "edit", "reject"];
const NEXT_STEP = {
  review_taken: "Continue with the next item; this one may be free again later.",
  review_closed: "There is nothing left to decide here. Continue with the next item.",
  review_lease_lost: "What you typed is kept. Claim the item again, check whether it has changed, and decide.",
  review_changed: "What you typed is kept. Claim the item again: you will see its current content.",
  payload_changed: "What you typed is kept. Claim the item again: you will see its current content.",
};

export const verbs = (item) => (item.kind === "overlap" ? BLIND : Object.keys(VERBS));

/** The initial text of an edit: the answer's text, or the arguments of an action. */
export const original = (item) => (item.action ? JSON.stringify(item.action.arguments, null, 2) : item.answer.text);

/** As the service checks a reason: a word of three letters or more, of at least two different letters. */
const hasWord = (text) =>
  text.split(/\s+/).some((each) => {
    const letters = each.toLowerCase().match(/\p{L}/gu) ?? [];
    return letters.length >= 3 && new Set(letters).size > 1;
  });

/** The notice of an error, with the next step. */
export function errorWithNextStep(error, ...buttons) {
  error.action = NEXT_STEP[error.code] ?? error.action;
  return errorNotice(error, buttons.length ? h("p", { class: "buttons" }, buttons) : null);
}

export class Form {
  /** draft: {verb, text, reason}, updated on every input. Calls done(result, verb), lost(error) or closed(). */
  constructor(item, lease, draft, done, lost, closed) {
    Object.assign(this, { item, lease, draft, done, lost, closed });
    this.verb = draft.verb;
    this.name = VERBS[this.verb].send ?? VERBS[this.verb].name;
    this.messages = h("div", { role: "alert" });
    this.reason = h("textarea", { id: "reason", rows: 2, maxlength: 2000, required: true, "aria-describedby": "hint" });
    this.reason.value = draft.reason ?? "";
    this.reason.addEventListener("input", () => (draft.reason = this.reason.value));
    this.submit = h("button", { class: this.verb === "reject" ? "main danger" : "main" }, this.name);
    this.element = h("form", {
      class: "card decision",
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
      h("label", { for: "reason" }, "Reason"),
      this.reason,
      this.messages,
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
    const diff = h("div", { class: json ? "diff code" : "diff", dir: "auto" });
    const draw = () => {
      const after = this.text.value;
      replace(
        diff,
        after === before ? h("span", { class: "quiet" }, "Nothing changed yet.") : difference(before, after),
      );
    };
    let timer;
    this.text.addEventListener("input", () => {
      this.draft.text = this.text.value;
      clearTimeout(timer);
      timer = setTimeout(draw, 120);
    });
    draw();
    return [
      h("label", { for: "text" }, json ? "Arguments, as JSON" : "The answer in your words"),
      this.text,
      h("h3", {}, "What changes"),
      diff,
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
    const message = this.inputError();
    if (message) return this.showMessage(h("div", { class: "notice bad" }, message));
    const body = {
      decision: this.verb,
      reason: this.reason.value.trim(),
      token: this.lease.token,
      version: this.item.version,
      sha256: this.item.sha256,
    };
    if (this.verb === "edit") body.text = this.text.value;
    const request = JSON.stringify(body);
    // The same decision sent again has the same key, so that a lost reply does not lead to a second decision.
    if (request !== this.request) Object.assign(this, { request, idempotencyKey: newIdempotencyKey() });
    this.busy(true);
    try {
      const result = await post(`v1/reviews/${this.item.id}/decide`, body, { "idempotency-key": this.idempotencyKey });
      this.done(result, this.verb);
    } catch (error) {
      if (error.status === 409) this.lost(error);
      else this.showMessage(errorWithNextStep(error));
    } finally {
      this.busy(false);
    }
  }

  inputError() {
    if (!this.reason.value.trim()) return "Write a reason; it is stored with the decision.";
    if (!hasWord(this.reason.value)) return "Write the reason in words: one or two letters are not enough.";
    if (this.verb !== "edit") return null;
    if (this.text.value === original(this.item)) return "Nothing is changed. To accept it unchanged, approve it.";
    if (!this.item.action) return null;
    try {
      const value = JSON.parse(this.text.value);
      return value && typeof value === "object" && !Array.isArray(value) ? null : "The arguments must be a JSON object.";
    } catch (error) {
      return `This is not JSON: ${error.message}`;
    }
  }

  busy(on) {
    this.sending = on;
    this.submit.disabled = on;
    this.submit.textContent = on ? "Sending…" : this.name;
  }

  showMessage(node) {
    replace(this.messages, node);
    say(node.textContent, true);
  }
}
