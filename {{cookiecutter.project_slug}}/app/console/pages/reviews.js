// The review page: the queue beside one item, with claim and decision.

import { get, post } from "./api.js";
import { Form, VERBS, errorWithNextStep, verbs } from "./decision_form.js";
import { h, replace, say } from "./dom.js";
import { Help, shortcuts } from "./keys.js";
import { Lease } from "./lease.js";
import { Queue, OUTCOMES } from "./queue.js";
import { errorNotice, open } from "./shell.js";
import { renderItem } from "./item_view.js";
import { countdown } from "./times.js";

const ID = /^#([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

class ReviewPage {
  constructor(caller) {
    this.caller = caller;
    this.drafts = new Map();
    this.queue = new Queue(caller, () => this.id);
    this.pane = h("section", { class: "pane", "aria-label": "Item" });
    this.agreement = h("p", { class: "quiet agreement" });
    this.help = new Help(Object.entries(VERBS).map(([, { letter, name }]) => [letter, name]));
    this.queue.element.prepend(h("p", { class: "buttons first" }, this.nextButton(), this.help.button));
    this.queue.element.append(this.agreement);
    this.element = h("div", { class: "desk" }, this.queue.element, this.pane, this.help.element);
    addEventListener("hashchange", () => this.onHashChange());
    addEventListener("beforeunload", (event) => this.lease && this.draft?.text !== undefined && event.preventDefault());
    shortcuts(this.help, (key) => this.press(key));
  }

  async start() {
    replace(document.getElementById("main"), this.element);
    this.onHashChange();
    await this.queue.load();
    this.loadAgreement();
  }

  nextButton() {
    const press = () => this.next();
    return h("button", { type: "button", class: "main", onclick: press }, "Next item", h("kbd", { "aria-hidden": "true" }, "n"));
  }

  get draft() {
    return this.drafts.get(this.id);
  }

  onHashChange() {
    const id = location.hash.match(ID)?.[1] ?? null;
    if (location.hash && !id) return; // the link to the content
    if (id !== this.id) this.show(id);
  }

  go(id) {
    location.hash = id ?? "";
    if (id === this.id) this.show(id);
  }

  async show(id) {
    this.leave();
    Object.assign(this, { id, item: null });
    this.queue.draw();
    document.body.classList.toggle("one", Boolean(id));
    if (!id)
      return replace(
        this.pane,
        h("p", { class: "quiet nothing" }, "Choose an item on the left, or press n for the next one."),
      );
    replace(this.pane, h("p", { class: "quiet" }, "One moment…"));
    try {
      const item = await get(`v1/reviews/${id}`);
      if (id === this.id) this.draw(item);
    } catch (error) {
      if (id === this.id) replace(this.pane, this.back(), errorNotice(error));
    }
  }

  /** Releases an undecided item, so that others need not wait for the end of its lease. */
  leave() {
    const { lease } = this;
    this.lease = this.form = null;
    if (lease && !lease.stopped) lease.release().then(() => this.queue.load());
  }

  draw(item, message = null, focus = true) {
    this.item = item;
    this.messages = h("div", { class: "messages" }, message);
    this.bar = h("div", { class: "bar", role: "group", "aria-label": "What you can do" });
    this.place = h("div", {});
    replace(this.pane, this.back(), renderItem(item, this.place), this.messages, this.bar);
    document.title = `${item.question.slice(0, 60)} – Reviews`;
    this.actions();
    if (focus) document.getElementById("question").focus();
  }

  back() {
    return h("a", { href: "#", class: "back" }, "‹ Back to the queue");
  }

  actions() {
    const { item, lease } = this;
    const button = (name, letter, press, kind = null) =>
      h(
        "button",
        { type: "button", class: kind, "aria-keyshortcuts": letter, onclick: press },
        name,
        h("kbd", { "aria-hidden": "true" }, letter),
      );
    const next = button("Next item", "n", () => this.next());
    if (item.state !== "open")
      return replace(this.bar, h("span", {}, "This item is ", OUTCOMES[item.outcome] ?? item.state, "."), next);
    if (!this.caller.permissions.includes("reviews:decide"))
      return replace(this.bar, h("span", {}, "Your key may read reviews but not decide on them."), next);
    if (!lease) {
      const whose =
        item.claimed_by === this.caller.name ? "You have claimed it in another tab, " : `claimed by ${item.claimed_by}, `;
      const other =
        item.claimed_by &&
        h("span", { class: "claimed" }, whose, countdown(item.claimed_until, "for another ", "the lease may have expired", 0));
      return replace(
        this.bar,
        other,
        button("Claim", "c", () => this.claim(), "main"),
        next,
      );
    }
    const open = Boolean(this.form);
    this.left = countdown(new Date(lease.until).toISOString(), "yours for ", "your lease has expired", lease.span / 4);
    const choices = verbs(item).map((verb) =>
      button(VERBS[verb].name, VERBS[verb].letter, () => this.begin(verb), { approve: "main", reject: "danger" }[verb]),
    );
    replace(this.bar, this.left, !open && [choices, button("Release", "b", () => this.releaseItem())]);
  }

  async claim(id = this.id) {
    try {
      const item = await post(`v1/reviews/${id}/claim`);
      const before = this.item?.id === id ? this.item : null;
      this.lease?.stop();
      this.lease = new Lease(
        item,
        (until) => this.renewed(until),
        (why) => this.lost(why),
      );
      if (this.id !== id) {
        this.id = id;
        history.pushState(null, "", `#${id}`);
        document.body.classList.add("one");
      }
      const changed = before && before.sha256 !== item.sha256;
      this.draw(
        item,
        changed &&
          h("p", { class: "notice" }, "It has changed since you opened it. Read it again before you decide."),
      );
      say(`Claimed${changed ? "; it has changed since you opened it" : ""}.`);
      this.queue.load();
      if (this.draft?.verb && !changed) this.begin(this.draft.verb);
      return true;
    } catch (error) {
      if (id !== this.id) return error;
      this.showMessage(errorWithNextStep(error, this.nextStepButton(error)));
      this.queue.load();
      return error;
    }
  }

  nextStepButton(error) {
    const claimable = ["review_lease_lost", "review_changed", "payload_changed", "unreachable"].includes(error.code);
    const press = claimable ? () => this.claim() : () => this.next();
    return h("button", { type: "button", onclick: press }, claimable ? "Claim it again" : "Next item");
  }

  renewed(until) {
    if (this.left) this.left.until = until;
  }

  lost(why) {
    const typed = this.draft?.text !== undefined || this.draft?.reason;
    this.drop();
    const note = typed ? "What you typed is kept. " : "";
    const words = h("p", {}, h("strong", {}, "You no longer hold this item. "), why);
    const next = h("p", {}, note, "Somebody else may claim it now. Claim it again to continue.");
    this.showMessage(
      h(
        "div",
        { class: "notice bad" },
        words,
        next,
        h("p", { class: "buttons" }, h("button", { type: "button", onclick: () => this.claim() }, "Claim it again")),
      ),
    );
    this.queue.load();
  }

  /** Closes the form after the claim is lost. */
  drop() {
    this.lease?.stop();
    this.lease = this.form = null;
    replace(this.place);
    this.item = { ...this.item, claimed_by: null, claimed_until: null };
    this.actions();
  }

  begin(verb) {
    if (!this.canBegin(verb)) return;
    const draft = { ...this.draft, verb };
    this.drafts.set(this.id, draft);
    this.form = new Form(
      this.item,
      this.lease,
      draft,
      (result, decided) => this.done(result, decided),
      (error) => this.onConflict(error),
      () => this.close(),
    );
    replace(this.messages);
    replace(this.place, this.form.element);
    this.actions();
    this.form.focus();
  }

  close() {
    this.form = null;
    this.drafts.delete(this.id);
    replace(this.place);
    this.actions();
    this.bar.querySelector("button")?.focus();
  }

  onConflict(error) {
    this.drop();
    this.showMessage(errorWithNextStep(error, this.nextStepButton(error)));
    this.queue.load();
  }

  async done(result, verb) {
    this.lease.stop();
    this.lease = this.form = null;
    this.drafts.delete(result.id);
    const more =
      result.state === "open" && ["approve", "edit"].includes(verb) ? " Another person must approve it as well." : "";
    const words = `${VERBS[verb].pastTense}.${more}`;
    const next = this.nextButton();
    const notice = h(
      "div",
      { class: "notice good" },
      h("p", {}, h("strong", {}, words)),
      h("p", { class: "buttons" }, next),
    );
    say(words);
    try {
      const item = await get(`v1/reviews/${result.id}`);
      if (this.id === result.id) this.draw(item, notice, false);
    } catch {
      this.showMessage(notice);
    }
    this.messages.scrollIntoView({ block: "nearest" });
    next.focus();
    this.queue.load();
    this.loadAgreement();
  }

  async releaseItem() {
    const { lease } = this;
    this.lease = this.form = null;
    await lease.release();
    say("Released.");
    this.queue.load();
    this.show(this.id);
  }

  /** Claims the earliest item that nobody has claimed and that this person may review. */
  async next() {
    this.leave();
    await this.queue.load();
    for (const item of this.queue.free(this.id)) {
      const claimed = await this.claim(item.id);
      if (claimed === true) return;
      if (claimed.status !== 409 && claimed.status !== 403) return this.showMessage(errorNotice(claimed));
    }
    if (this.item) this.drop();
    this.showMessage(h("p", { class: "notice" }, "No other item in this list is free for you now."));
  }

  showMessage(node) {
    say(node.textContent, true);
    replace(this.id && this.messages?.isConnected ? this.messages : this.queue.messages, node);
    node.scrollIntoView({ block: "nearest" });
  }

  /** Whether the key was handled. */
  press(key) {
    const act = this.bound(key);
    act?.();
    return Boolean(act);
  }

  bound(key) {
    const step = { j: 1, k: -1 }[key];
    if (step) return () => this.go((this.queue.beside(step) ?? {}).id ?? null);
    if (key === "n") return () => this.next();
    if (key === "c" && this.item?.state === "open" && !this.lease) return () => this.claim();
    if (key === "b" && this.lease) return () => this.releaseItem();
    const verb = Object.keys(VERBS).find((each) => VERBS[each].letter === key);
    return verb && this.canBegin(verb) ? () => this.begin(verb) : null;
  }

  canBegin(verb) {
    return Boolean(this.lease) && verbs(this.item).includes(verb);
  }

  async loadAgreement() {
    const agreement = await get("v1/reviews/agreement").catch(() => null);
    if (!agreement) return;
    const alpha = agreement.alpha === null ? "too few pairs" : `Krippendorff’s alpha ${agreement.alpha.toFixed(2)}`;
    const looks = agreement.pairs ? `; ${agreement.agreed} of ${agreement.pairs} second reviews agreed` : "";
    this.agreement.textContent = `Agreement of reviewers: ${alpha}${looks}.`;
  }
}

open("reviews:read", (caller) => new ReviewPage(caller).start());
