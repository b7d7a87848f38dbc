// The runs as they were told, and curves made of them.

/** Takes a message: rows from one on replace those that were there. */
export function applied(run, message) {
  const next = { ...run, ...message };
  for (const curve of ["train", "validation"]) {
    next[curve] = message[curve] ? withPart(run?.[curve], message[curve]) : run?.[curve];
  }
  next.samples = samplesWith(run?.samples ?? [], message.samples);
  return next;
}

/** Samples that were told before, where they are still shown, and new ones in their places. */
function samplesWith(before, part) {
  if (!part) return before;
  const known = new Map([...before, ...part.told].map((entry) => [entry.step, entry]));
  return part.steps.flatMap((step) => known.get(step) ?? []);
}

function withPart(before, { size, from, columns }) {
  const joined = {};
  for (const [name, values] of Object.entries(columns)) {
    joined[name] = from === 0 ? values : before.columns[name].slice(0, from).concat(values);
  }
  return { size, columns: joined };
}

/** A moving average that forgets; the first values weigh no more than others. */
export function smoothed(values, forget) {
  if (forget === 0) return values;
  let [sum, weight] = [0, 0];
  return values.map((value) => {
    if (value === null) return null;
    sum = forget * sum + (1 - forget) * value;
    weight = forget * weight + (1 - forget);
    return sum / weight;
  });
}

/** The latest value that is a number. */
export function latest(values = []) {
  return values.findLast((value) => value !== null && value !== undefined);
}

/** Predictions of one place of the samples in the order of steps, equal ones that follow one another as one until its last step. */
export function predictionsOf(all, sample, place) {
  const trail = [];
  for (const { step, samples } of all) {
    const entry = samples[sample]?.[place];
    // another text, or one that was not masked there
    if (!Array.isArray(entry)) continue;
    const [, predicted] = entry;
    if (trail.at(-1)?.predicted === predicted) trail.at(-1).until = step;
    else trail.push({ predicted, until: step });
  }
  return trail;
}

/** Stretches of equal length in a curve, over what the chart is drawn over. */
export function stagesOf(run, x) {
  const { columns } = run?.train ?? {};
  const stages = [];
  for (const [i, length] of (columns?.length ?? []).entries()) {
    const at = columns[x][i];
    const last = stages.at(-1);
    if (last?.length === length) last.end = at;
    else stages.push({ length, start: last?.end ?? 0, end: at });
  }
  return stages;
}

/** Names of the settings in which runs differ, and of those that are the same in all. */
export function comparedFacts(runs) {
  const names = [...new Set(runs.flatMap(({ facts }) => Object.keys(facts)))];
  const differs = (name) => new Set(runs.map(({ facts }) => facts[name])).size > 1;
  return { different: names.filter(differs), same: names.filter((name) => !differs(name)) };
}

/** Names without the parts that all of them begin with. */
export function shortNames(names) {
  const parts = names.map((name) => name.split("-"));
  let same = 0;
  while (parts.length > 1 && parts.every((words) => words.length > same + 1 && words[same] === parts[0][same])) same++;
  return parts.map((words) => (same > 0 ? "…" : "") + words.slice(same).join("-"));
}
