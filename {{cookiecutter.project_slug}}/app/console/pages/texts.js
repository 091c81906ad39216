// Texts of others: invisible characters are shown, and citation markers link to their passages.

import { h } from "./dom.js";

const INVISIBLE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e01ef}]/gu;
const MARKER = /\[(\d{1,3})\]/g;

/** The text with a badge in place of each invisible character. */
export function plain(text) {
  return pieces(text, INVISIBLE, ([character]) => {
    const name = `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
    return h("span", { class: "invisible-character", title: "an invisible character" }, name);
  });
}

/** The same, with markers such as [1] as buttons that go to the passage. */
export function cited(text, citations, lead) {
  const byMarker = new Map(citations.map((each) => [each.marker, each]));
  return pieces(text, MARKER, ([marker, number]) => {
    const citation = byMarker.get(Number(number));
    if (!citation) return h("span", { class: "no-passage", title: "no passage has this number" }, marker);
    const label = `Passage ${number}: ${citation.title}`;
    return h("button", { type: "button", class: "marker", "aria-label": label, onclick: () => lead(citation) }, marker);
  }).flatMap((piece) => (typeof piece === "string" ? plain(piece) : piece));
}

function pieces(text, pattern, make) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    parts.push(text.slice(end, match.index), make(match));
    end = match.index + match[0].length;
  }
  return [...parts, text.slice(end)].filter((piece) => piece !== "");
}
