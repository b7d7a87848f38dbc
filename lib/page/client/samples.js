// Samples: what the model puts in the place of masked tokens, as it learns.
import { createCandidates, spokenOf, visible } from "./candidates.js";
import { whole } from "./figures.js";
import { predictionsOf } from "./store.js";
import { element } from "./tables.js";

/** What each mark stands for. */
const meanings = new WeakMap();

/** A token that was masked, as what was predicted. */
function masked(meaning) {
  const [token, predicted] = meaning.entry;
  const isRight = token === predicted;
  const properties = {
    className: isRight ? "right" : "wrong",
    tabIndex: -1,
    role: "button",
    ariaLabel: spokenOf(meaning),
  };
  const mark = element("mark", properties, visible(predicted));
  if (!isRight) mark.append(element("small", {}, visible(token)));
  meanings.set(mark, meaning);
  return mark;
}

function paragraph(sample, number, all) {
  const trailOf = (place) => predictionsOf(all, number, place);
  const parts = sample.map((entry, place) =>
    typeof entry === "string" ? entry : masked({ entry, trail: trailOf(place) })
  );
  const first = parts.find((part) => typeof part !== "string");
  if (first) first.tabIndex = 0;
  return element("p", { className: "sample" }, ...parts);
}

/** The samples of one run at one step; the latest is followed until another one is chosen. */
export function createSamples({ section, run, step, value, text, box }) {
  const { renew } = createCandidates({ box, text, meaningOf: (mark) => meanings.get(mark) });
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
    renew(() => text.replaceChildren(...(chosen?.samples ?? []).map((sample, i) => paragraph(sample, i, all))));
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
