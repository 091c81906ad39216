// Elements are made of names and texts. Nothing here, and nothing else in the console, reads a text as markup.

const SVG = "http://www.w3.org/2000/svg";
const ATTRIBUTE = /^(?:aria-[a-z]+|data-[a-z-]+|[a-z]+[12]?)$/i;
const REFUSED = new Set(["style", "srcdoc", "src", "action", "formaction"]);

/** h("p", {class: "notice"}, "text", child): an element; texts become text nodes, null and false nothing. */
export function h(name, properties, ...children) {
  return filled(document.createElement(name), properties, children);
}

export function svg(name, properties, ...children) {
  return filled(document.createElementNS(SVG, name), properties, children);
}

export function replace(parent, ...children) {
  parent.replaceChildren(...flat(children));
}

/** Says it to those who listen to the page instead of looking at it. */
export function say(text, urgent = false) {
  const region = document.getElementById(urgent ? "alert" : "said");
  region.textContent = "";
  setTimeout(() => (region.textContent = text), 30);
}

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (typeof value === "function" && name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (!ATTRIBUTE.test(name) || name.startsWith("on") || REFUSED.has(name))
      throw new TypeError(`no ${name} here`);
    else if (name === "href" && !/^(?:#|\.\/|budgets)/.test(value)) throw new TypeError("only our own addresses");
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...flat(children));
  return element;
}

function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}
