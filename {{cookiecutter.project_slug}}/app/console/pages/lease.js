// A claim lasts a while. It is kept up as long as somebody is at the page, and given up in words when it is lost.

import { now, post } from "./api.js";
import { say } from "./dom.js";
import { length } from "./times.js";

const RETRY = 5_000;

let touched = Date.now();
for (const kind of ["keydown", "pointerdown", "pointermove", "wheel", "input"])
  addEventListener(kind, () => (touched = Date.now()), { passive: true, capture: true });

export class Lease {
  /** claimed: the reply to a claim. renewed(until), lost(why): told once each time that it happens. */
  constructor(claimed, renewed, lost) {
    Object.assign(this, { id: claimed.id, token: claimed.token, renewed, lost, warned: false, beating: false });
    this.take(claimed);
    this.timer = setInterval(() => this.tick(), 1000);
  }

  take(item) {
    this.until = Date.parse(item.claimed_until);
    this.span = Math.max(1000, this.until - now());
    this.beaten = Date.now();
    this.next = this.beaten + this.span / 3;
    this.warned = false;
  }

  /** Nothing is told any more. */
  stop() {
    clearInterval(this.timer);
    this.stopped = true;
  }

  async giveBack() {
    this.stop();
    await post(`v1/reviews/${this.id}/release`, { token: this.token }).catch(() => {});
  }

  tick() {
    const left = this.until - now();
    if (left <= 0) return this.end("Its time ran out while nobody was at this page.");
    if (touched > this.beaten && Date.now() >= this.next && !document.hidden) return this.beat();
    if (left < this.span / 4 && !this.warned) {
      this.warned = true;
      say(`Your claim ends in ${length(left)}. Press any key to keep it.`, true);
    }
  }

  async beat() {
    if (this.beating) return;
    this.beating = true;
    try {
      const item = await post(`v1/reviews/${this.id}/heartbeat`, { token: this.token });
      if (this.stopped) return;
      this.take(item);
      this.renewed(this.until);
    } catch (error) {
      if ([401, 403, 404, 409].includes(error.status)) this.end(error.message);
      else this.next = Date.now() + RETRY;
    } finally {
      this.beating = false;
    }
  }

  end(why) {
    if (this.stopped) return;
    this.stop();
    this.lost(why);
  }
}
