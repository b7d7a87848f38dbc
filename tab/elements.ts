/// <reference lib="dom" />
/**
 * Elements of the page.
 *
 * @module
 */

/** The element of an id. */
export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (!found) throw new TypeError(`The page has no element ${id}`);
  return found as Kind;
}

/** An element with text or elements in it. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]> = {},
  ...content: (string | Node)[]
): HTMLElementTagNameMap[Name] {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...content);
  return made;
}

/** What the page says: how things stand, and what went wrong. */
export const says = {
  /** How things stand, which screen readers tell when they come to it. */
  status(text: string): void {
    byId("status").textContent = text;
  },
  /** What went wrong, told at once; nothing takes it away. */
  problem(text = ""): void {
    const box = byId("problem");
    box.hidden = text === "";
    box.textContent = text === "" || /[.?!]$/.test(text) ? text : `${text}.`;
  },
};
