// The desk: the queue beside one item, a claim on it, a decision, the next one.

import { get, post } from "./api.js";
import { Form, VERBS, explained, verbs } from "./deciding.js";
import { h, replace, say } from "./dom.js";
import { Help, shortcuts } from "./keys.js";
import { Lease } from "./lease.js";
import { Queue, OUTCOMES } from "./queue.js";
import { open, trouble } from "./shell.js";
import { shown } from "./showing.js";
import { countdown } from "./times.js";

const ID = /^#([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

class Desk {
  constructor(caller) {
    this.caller = caller;
    this.drafts = new Map();
    this.queue = new Queue(caller, () => this.id);
    this.pane = h("section", { class: "pane", "aria-label": "Item" });
    this.agreement = h("p", { class: "quiet agreement" });
    this.help = new Help(Object.entries(VERBS).map(([, { letter, name }]) => [letter, name]));
    const next = h(
      "button",
      { type: "button", class: "main", onclick: () => this.next() },
      "Next item",
      h("kbd", { "aria-hidden": "true" }, "n"),
    );
    this.queue.element.prepend(h("p", { class: "buttons first" }, next, this.help.button));
    this.queue.element.append(this.agreement);
    this.element = h("div", { class: "desk" }, this.queue.element, this.pane, this.help.element);
    addEventListener("hashchange", () => this.follow());
    addEventListener("beforeunload", (event) => this.lease && this.draft?.text !== undefined && event.preventDefault());
    shortcuts(this.help, (key) => this.press(key));
  }

  async start() {
    replace(document.getElementById("main"), this.element);
    this.follow();
    await this.queue.load();
    this.agree();
  }

  get draft() {
    return this.drafts.get(this.id);
  }

  follow() {
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
      if (id === this.id) replace(this.pane, this.back(), trouble(error));
    }
  }

  /** Gives the item back that is left undecided, so that nobody waits for the end of its lease. */
  leave() {
    const { lease } = this;
    this.lease = this.form = null;
    if (lease && !lease.stopped) lease.giveBack().then(() => this.queue.load());
  }

  draw(item, told = null, focus = true) {
    this.item = item;
    this.told = h("div", { class: "told" }, told);
    this.bar = h("div", { class: "bar", role: "group", "aria-label": "What you can do" });
    this.place = h("div", {});
    replace(this.pane, this.back(), shown(item, this.place), this.told, this.bar);
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
      return replace(this.bar, h("span", {}, "Your key may read reviews and not decide on them."), next);
    if (!lease) {
      const whose =
        item.claimed_by === this.caller.name ? "You have it in another tab, " : `${item.claimed_by} has it, `;
      const other =
        item.claimed_by &&
        h("span", { class: "held" }, whose, countdown(item.claimed_until, "for another ", "and may have left it", 0));
      return replace(
        this.bar,
        other,
        button("Claim", "c", () => this.claim(), "main"),
        next,
      );
    }
    const open = Boolean(this.form);
    this.left = countdown(new Date(lease.until).toISOString(), "yours for ", "not yours any more", lease.span / 4);
    const choices = verbs(item).map((verb) =>
      button(VERBS[verb].name, VERBS[verb].letter, () => this.begin(verb), { approve: "main", reject: "danger" }[verb]),
    );
    replace(this.bar, this.left, !open && [choices, button("Give back", "b", () => this.giveBack())]);
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
          h("p", { class: "notice" }, "It has changed since you looked at it. Read it again before you decide."),
      );
      say(`Claimed${changed ? "; it has changed since you looked at it" : ""}.`);
      this.queue.load();
      if (this.draft?.verb && !changed) this.begin(this.draft.verb);
      return true;
    } catch (error) {
      if (id !== this.id) return error;
      this.tell(explained(error, this.again(error)));
      this.queue.load();
      return error;
    }
  }

  again(error) {
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
    const kept = typed ? "What you typed is kept. " : "";
    const words = h("p", {}, h("strong", {}, "This item is not yours any more. "), why);
    const next = h("p", {}, kept, "Somebody else may take it now. Claim it again to go on.");
    this.tell(
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

  /** Without a claim there is nothing to send. */
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
      (result, made) => this.done(result, made),
      (error) => this.refused(error),
      () => this.close(),
    );
    replace(this.told);
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

  refused(error) {
    this.drop();
    this.tell(explained(error, this.again(error)));
    this.queue.load();
  }

  async done(result, verb) {
    this.lease.stop();
    this.lease = this.form = null;
    this.drafts.delete(result.id);
    const more =
      result.state === "open" && ["approve", "edit"].includes(verb) ? " Another person must approve it as well." : "";
    const words = `${VERBS[verb].said}.${more}`;
    const next = h(
      "button",
      { type: "button", class: "main", onclick: () => this.next() },
      "Next item",
      h("kbd", { "aria-hidden": "true" }, "n"),
    );
    const told = h(
      "div",
      { class: "notice good" },
      h("p", {}, h("strong", {}, words)),
      h("p", { class: "buttons" }, next),
    );
    say(words);
    try {
      const item = await get(`v1/reviews/${result.id}`);
      if (this.id === result.id) this.draw(item, told, false);
    } catch {
      this.tell(told);
    }
    this.told.scrollIntoView({ block: "nearest" });
    next.focus();
    this.queue.load();
    this.agree();
  }

  async giveBack() {
    const { lease } = this;
    this.lease = this.form = null;
    await lease.giveBack();
    say("Given back.");
    this.queue.load();
    this.show(this.id);
  }

  /** The earliest item that nobody has and that this person may judge. */
  async next() {
    this.leave();
    await this.queue.load();
    for (const item of this.queue.free(this.id)) {
      const claimed = await this.claim(item.id);
      if (claimed === true) return;
      if (claimed.status !== 409 && claimed.status !== 403) return this.tell(trouble(claimed));
    }
    if (this.item) this.drop();
    this.tell(h("p", { class: "notice" }, "Nothing else in this list is free for you now."));
  }

  tell(node) {
    say(node.textContent, true);
    replace(this.id && this.told?.isConnected ? this.told : this.queue.told, node);
    node.scrollIntoView({ block: "nearest" });
  }

  /** Whether the key did something. */
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
    if (key === "b" && this.lease) return () => this.giveBack();
    const verb = Object.keys(VERBS).find((each) => VERBS[each].letter === key);
    return verb && this.canBegin(verb) ? () => this.begin(verb) : null;
  }

  canBegin(verb) {
    return Boolean(this.lease) && verbs(this.item).includes(verb);
  }

  async agree() {
    const found = await get("v1/reviews/agreement").catch(() => null);
    if (!found) return;
    const alpha = found.alpha === null ? "too little to tell" : `Krippendorff’s alpha ${found.alpha.toFixed(2)}`;
    const looks = found.pairs ? `; ${found.agreed} of ${found.pairs} second looks agreed` : "";
    this.agreement.textContent = `Agreement of reviewers: ${alpha}${looks}.`;
  }
}

open("reviews:read", (caller) => new Desk(caller).start());
