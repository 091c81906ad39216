// Texts that somebody else wrote: what a reader would not see is made visible, and markers lead to their passages.

import { h } from "./dom.js";

const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e01ef}]/gu;
const MARKER = /\[(\d{1,3})\]/g;

/** The pieces of a text, with a badge in place of each character that does not show. */
export function plain(text) {
  return pieces(text, UNSEEN, ([found]) => {
    const name = `U+${found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
    return h("span", { class: "unseen-sign", title: "a character that does not show" }, name);
  });
}

/** The same, with [1] as a button that leads to the passage. */
export function cited(text, citations, lead) {
  const known = new Map(citations.map((each) => [each.marker, each]));
  return pieces(text, MARKER, ([found, number]) => {
    const citation = known.get(Number(number));
    if (!citation) return h("span", { class: "no-passage", title: "no passage has this number" }, found);
    const label = `Passage ${number}: ${citation.title}`;
    return h("button", { type: "button", class: "marker", "aria-label": label, onclick: () => lead(citation) }, found);
  }).flatMap((piece) => (typeof piece === "string" ? plain(piece) : piece));
}

function pieces(text, pattern, make) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    found.push(text.slice(end, match.index), make(match));
    end = match.index + match[0].length;
  }
  return [...found, text.slice(end)].filter((piece) => piece !== "");
}
