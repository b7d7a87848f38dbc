// Samples: what the model puts in the place of masked tokens, as it learns.
import { percent, whole } from "./figures.js";
import { element } from "./tables.js";

const visible = (token) => token.replaceAll("\n", "↵").replaceAll("\t", "⇥").replaceAll(" ", "␣");

/** A token that was masked, as what was predicted. */
function masked([token, predicted, candidates = []]) {
  const isRight = token === predicted;
  const list = candidates.map(([text, probability]) => `${visible(text)} ${percent(probability)}`).join(", ");
  const told = isRight
    ? `"${visible(token)}" is right`
    : `"${visible(predicted)}" was predicted, "${visible(token)}" stood there`;
  const title = list === "" ? told : `${told}; ${list}`;
  const mark = element("mark", { className: isRight ? "right" : "wrong", title }, visible(predicted));
  if (!isRight) mark.append(element("small", {}, visible(token)));
  // candidates are read with the keyboard too
  if (list !== "") mark.tabIndex = 0;
  return mark;
}

function paragraph(sample) {
  const parts = sample.map((entry) => typeof entry === "string" ? entry : masked(entry));
  return element("p", { className: "sample" }, ...parts);
}

/** The samples of one run at one step; the latest is followed until another one is chosen. */
export function createSamples({ section, run, step, value, text }) {
  let [runs, isFollowing, drawn] = [[], true, ""];
  const show = () => {
    const all = runs.find(({ id }) => id === run.value)?.samples ?? [];
    step.max = String(Math.max(0, all.length - 1));
    if (isFollowing) step.value = step.max;
    const chosen = all[Number(step.value)];
    value.textContent = chosen ? whole(chosen.step) : "";
    step.setAttribute("aria-valuetext", chosen ? `step ${whole(chosen.step)}` : "no samples");
    const key = JSON.stringify([run.value, chosen?.step, all.length]);
    if (key === drawn) return;
    drawn = key;
    text.replaceChildren(...(chosen?.samples ?? []).map(paragraph));
  };
  run.addEventListener("change", () => {
    isFollowing = true;
    show();
  });
  step.addEventListener("input", () => {
    isFollowing = step.value === step.max;
    show();
  });
  return (now) => {
    runs = now.filter(({ samples }) => samples.length > 0);
    section.hidden = runs.length === 0;
    const ids = runs.map(({ id }) => id);
    if (JSON.stringify(ids) !== JSON.stringify([...run.options].map(({ value }) => value))) {
      const before = run.value;
      run.replaceChildren(...runs.map(({ id, name }) => element("option", { value: id }, name)));
      if (ids.includes(before)) run.value = before;
    }
    run.parentElement.hidden = runs.length < 2;
    show();
  };
}
