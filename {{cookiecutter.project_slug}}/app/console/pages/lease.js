// The lease of a claimed item. It is renewed as long as somebody uses the page; its loss is reported.

import { now, post } from "./api.js";
import { say } from "./dom.js";
import { length } from "./times.js";

const RETRY = 5_000;

let touched = Date.now();
for (const kind of ["keydown", "pointerdown", "pointermove", "wheel", "input"])
  addEventListener(kind, () => (touched = Date.now()), { passive: true, capture: true });

export class Lease {
  /** claimed: the reply to a claim. Calls renewed(until) after each renewal, and lost(why) once. */
  constructor(claimed, renewed, lost) {
    Object.assign(this, { id: claimed.id, token: claimed.token, renewed, lost, warned: false, renewing: false });
    this.extend(claimed);
    this.timer = setInterval(() => this.tick(), 1000);
  }

  extend(item) {
    this.until = Date.parse(item.claimed_until);
    this.span = Math.max(1000, this.until - now());
    this.renewedAt = Date.now();
    this.renewAt = this.renewedAt + this.span / 3;
    this.warned = false;
  }

  /** Ends the timer; neither callback is called any more. */
  stop() {
    clearInterval(this.timer);
    this.stopped = true;
  }

  async release() {
    this.stop();
    await post(`v1/reviews/${this.id}/release`, { token: this.token }).catch(() => {});
  }

  tick() {
    const left = this.until - now();
    if (left <= 0) return this.end("The lease expired while the page was not used.");
    if (touched > this.renewedAt && Date.now() >= this.renewAt && !document.hidden) return this.renew();
    if (left < this.span / 4 && !this.warned) {
      this.warned = true;
      say(`Your claim ends in ${length(left)}. Press any key to keep it.`, true);
    }
  }

  async renew() {
    if (this.renewing) return;
    this.renewing = true;
    try {
      const item = await post(`v1/reviews/${this.id}/heartbeat`, { token: this.token });
      if (this.stopped) return;
      this.extend(item);
      this.renewed(this.until);
    } catch (error) {
      if ([401, 403, 404, 409].includes(error.status)) this.end(error.message);
      else this.renewAt = Date.now() + RETRY;
    } finally {
      this.renewing = false;
    }
  }

  end(why) {
    if (this.stopped) return;
    this.stop();
    this.lost(why);
  }
}
