// What could stand in the place of a masked token, beside it: for pointers, fingers and the keyboard.
import { percent, whole } from "./figures.js";
import { element } from "./tables.js";

/** A token in which white space can be seen. */
export const visible = (token) => token.replaceAll("\n", "↵").replaceAll("\t", "⇥").replaceAll(" ", "␣");

/** What became of a masked token, in words. */
function verdict([token, predicted]) {
  if (token === predicted) return `“${visible(token)}” is right`;
  return `“${visible(predicted)}” was predicted, “${visible(token)}” stood there`;
}

/** Predictions of a place that are told: the latest ones. */
const MOST_TOLD = 6;

/** How the prediction changed over the steps; nothing where it never did. */
function changes(trail) {
  if (trail.length < 2) return [];
  const told = trail.slice(-MOST_TOLD);
  const before = told.slice(0, -1).map(({ predicted, until }) => `${visible(predicted)} until step ${whole(until)}`);
  return [`${told.length < trail.length ? "… " : ""}${before.join(", ")}, then ${visible(told.at(-1).predicted)}`];
}

/** The same with the candidates, for a screen reader. */
export function spokenOf({ entry, trail }) {
  const [, , candidates = []] = entry;
  const list = candidates.map(([text, probability]) => `${visible(text)} ${percent(probability)}`);
  return [verdict(entry), ...list, ...changes(trail)].join("; ");
}

function candidateRow([text, probability], token) {
  const bar = element("span", { className: "bar" });
  bar.style.width = `${Math.max(1, 100 * probability)}%`;
  return element(
    "tr",
    { className: text === token ? "right" : "" },
    element("td", {}, visible(text)),
    element("td", { className: "number" }, percent(probability)),
    element("td", { className: "bars" }, bar),
  );
}

function contentOf({ entry, trail }) {
  const [token, , candidates = []] = entry;
  const rows = candidates.map((candidate) => candidateRow(candidate, token));
  const isMissing = rows.length > 0 && candidates.every(([text]) => text !== token);
  const notes = [...(isMissing ? [`“${visible(token)}” is not among the best ${rows.length}`] : []), ...changes(trail)];
  return [
    element("p", {}, verdict(entry)),
    ...(rows.length > 0 ? [element("table", {}, element("tbody", {}, ...rows))] : []),
    ...notes.map((note) => element("p", { className: "note" }, note)),
  ];
}

/** Below a mark, or above where there is no room; inside what the box is placed in. */
function place(box, mark) {
  const [at] = mark.getClientRects();
  const frame = box.offsetParent.getBoundingClientRect();
  const left = Math.min(at.left - frame.left, frame.width - box.offsetWidth);
  const isBelow = at.bottom + box.offsetHeight <= innerHeight || at.top < box.offsetHeight;
  const top = isBelow ? at.bottom - frame.top : at.top - frame.top - box.offsetHeight;
  Object.assign(box.style, { left: `${Math.max(0, left)}px`, top: `${top}px` });
}

/** Where the arrow keys go from a mark. */
function nextMark(mark, key, text) {
  const all = [...text.querySelectorAll("mark")];
  const own = [...mark.parentElement.querySelectorAll("mark")];
  const at = all.indexOf(mark);
  const moves = { ArrowRight: all[at + 1], ArrowLeft: all[at - 1], Home: own[0], End: own.at(-1) };
  return key in moves ? moves[key] ?? mark : undefined;
}

/** Shows in a box what could stand in the marks of a text; `meaningOf` knows what a mark stands for. */
export function createCandidates({ box, text, meaningOf }) {
  let shown;
  const hide = () => {
    [shown, box.hidden] = [undefined, true];
  };
  const show = (mark) => {
    shown = mark;
    box.replaceChildren(...contentOf(meaningOf(mark)));
    box.hidden = false;
    place(box, mark);
  };
  const markAt = (target) => target instanceof Element && text.contains(target) ? target.closest("mark") : null;
  const focused = () => markAt(document.activeElement);
  text.addEventListener("pointerover", ({ target, pointerType }) => {
    const mark = markAt(target);
    if (mark && pointerType !== "touch") show(mark);
  });
  const leave = ({ relatedTarget, pointerType }) => {
    if (pointerType === "touch" || box.contains(relatedTarget) || markAt(relatedTarget)) return;
    const mark = focused();
    if (mark) show(mark);
    else hide();
  };
  text.addEventListener("pointerout", leave);
  box.addEventListener("pointerleave", leave);
  text.addEventListener("focusin", ({ target }) => {
    const mark = markAt(target);
    if (!mark) return;
    // one stop of the Tab key for each sample; arrow keys go from mark to mark
    for (const other of mark.parentElement.querySelectorAll("mark")) other.tabIndex = other === mark ? 0 : -1;
    show(mark);
  });
  text.addEventListener("focusout", hide);
  // where a tap does not give the focus by itself
  text.addEventListener("click", ({ target }) => markAt(target)?.focus());
  addEventListener("keydown", ({ key }) => key === "Escape" && hide());
  addEventListener("resize", () => shown && place(box, shown));
  text.addEventListener("keydown", (event) => {
    const mark = markAt(event.target);
    if (!mark || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = nextMark(mark, event.key, text);
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  return {
    /** Runs what makes all marks anew; who reads one goes on with the one in its place. */
    renew(make) {
      const [before, hadFocus] = [shown ?? focused(), focused() !== null];
      const at = [...text.querySelectorAll("mark")].indexOf(before);
      hide();
      make();
      const mark = at < 0 ? undefined : text.querySelectorAll("mark")[at];
      if (mark && hadFocus) mark.focus({ preventScroll: true });
      else if (mark && before) show(mark);
    },
  };
}
