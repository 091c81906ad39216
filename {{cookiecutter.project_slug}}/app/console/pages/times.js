// Times as text, and countdowns that update themselves.

import { now } from "./api.js";
import { h } from "./dom.js";

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export const when = (text) =>
  h("time", { datetime: text, title: exact.format(new Date(text)) }, short.format(new Date(text)));

/** "2 d 3 h", "14 min", "0:42": the two largest parts of a length in milliseconds. */
export function length(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const [days, hours, minutes] = [
    Math.floor(seconds / 86400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days) return hours ? `${days} d ${hours} h` : `${days} d`;
  if (hours) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  if (minutes >= 10) return `${minutes} min`;
  return `${minutes}:${String(seconds % 60).padStart(2, "0")} min`;
}

/** A countdown to a moment. soon: below so many milliseconds it gets the class `soon`. */
export function countdown(text, before, after, soon = 15 * 60_000) {
  const element = h("time", { datetime: text, title: exact.format(new Date(text)), class: "countdown" });
  Object.assign(element, { until: Date.parse(text), before, after, soon });
  update(element);
  return element;
}

function update(element) {
  const left = element.until - now();
  element.textContent = left > 0 ? element.before + length(left) : element.after;
  element.classList.toggle("soon", left > 0 && left < element.soon);
  element.classList.toggle("late", left <= 0);
}

setInterval(() => document.querySelectorAll(".countdown").forEach(update), 1000);
