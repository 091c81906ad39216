// Creates elements from names and texts. No code of the console parses a text as markup.

const SVG = "http://www.w3.org/2000/svg";
const ATTRIBUTE = /^(?:aria-[a-z]+|data-[a-z-]+|[a-z]+[12]?)$/i;
const REFUSED = new Set(["style", "srcdoc", "src", "action", "formaction"]);

/** h("p", {class: "notice"}, "text", child): an element; texts become text nodes, null and false are left out. */
export function h(name, properties, ...children) {
  return filled(document.createElement(name), properties, children);
}

export function svg(name, properties, ...children) {
  return filled(document.createElementNS(SVG, name), properties, children);
}

export function replace(parent, ...children) {
  parent.replaceChildren(...flat(children));
}

/** Announces a text to screen readers. */
export function say(text, urgent = false) {
  const region = document.getElementById(urgent ? "alert" : "status");
  region.textContent = "";
  setTimeout(() => (region.textContent = text), 30);
}

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (typeof value === "function" && name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (!ATTRIBUTE.test(name) || name.startsWith("on") || REFUSED.has(name))
      throw new TypeError(`no ${name} here`);
    else if (name === "href" && !/^(?:#|\.\/|budgets|document\?)/.test(value)) throw new TypeError("only our own addresses");
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...flat(children));
  return element;
}

function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}
