// The changes of an edit, word by word.

import { h } from "./dom.js";
import { plain } from "./texts.js";

const WORDS = /\s+|[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu;
const MAX_CELLS = 4_000_000;

/** Elements that show how `after` differs from `before`. */
export function difference(before, after) {
  return changes(before, after)
    .map(([kind, text]) => (kind === "same" ? plain(text) : h(kind, {}, plain(text))))
    .flat();
}

/** [["same" | "del" | "ins", text], …] */
export function changes(before, after) {
  const [one, other] = [before.match(WORDS) ?? [], after.match(WORDS) ?? []];
  let head = 0;
  while (head < one.length && head < other.length && one[head] === other[head]) head++;
  let tail = 0;
  const most = Math.min(one.length, other.length) - head;
  while (tail < most && one[one.length - 1 - tail] === other[other.length - 1 - tail]) tail++;
  const middle = between(one.slice(head, one.length - tail), other.slice(head, other.length - tail));
  const parts = [["same", one.slice(0, head).join("")], ...middle, ["same", tail ? one.slice(-tail).join("") : ""]];
  return joined(parts);
}

function between(one, other) {
  if (one.length * other.length > MAX_CELLS)
    return [
      ["del", one.join("")],
      ["ins", other.join("")],
    ];
  const width = other.length + 1;
  const longest = new Uint16Array((one.length + 1) * width);
  for (let i = one.length - 1; i >= 0; i--)
    for (let j = other.length - 1; j >= 0; j--)
      longest[i * width + j] =
        one[i] === other[j]
          ? longest[(i + 1) * width + j + 1] + 1
          : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
  const parts = [];
  let [i, j] = [0, 0];
  while (i < one.length || j < other.length) {
    if (i < one.length && j < other.length && one[i] === other[j]) parts.push(["same", one[(j++, i++)]]);
    else if (j >= other.length || (i < one.length && longest[(i + 1) * width + j] >= longest[i * width + j + 1]))
      parts.push(["del", one[i++]]);
    else parts.push(["ins", other[j++]]);
  }
  return parts;
}

function joined(parts) {
  const merged = [];
  for (const [kind, text] of parts) {
    if (!text) continue;
    if (merged.length && merged.at(-1)[0] === kind) merged.at(-1)[1] += text;
    else merged.push([kind, text]);
  }
  return merged;
}
