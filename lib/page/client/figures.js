// How numbers look.

const groups = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

export const missing = "–";

const or = (format) => (value) => value === null || value === undefined ? missing : format(value);

export const whole = or((value) => groups.format(value));
export const compact = or((value) => short.format(value));
export const nats = or((value) => value.toFixed(value < 10 ? 3 : 1));
export const percent = or((value) => `${(100 * value).toFixed(1)}%`);
export const share = or((value) => `${Number((100 * value).toPrecision(3))}%`);
export const rate = or((value) => value === 0 ? "0" : value.toExponential(2));
export const digits = or((value) => Number(value.toPrecision(3)).toString());

/** Bytes in the largest unit that leaves a number above 1. */
export const bytes = or((value) => {
  const power = Math.max(1, Math.min(3, Math.floor(Math.log2(Math.max(1, value)) / 10)));
  return `${Number((value / 1024 ** power).toPrecision(3))} ${["KiB", "MiB", "GiB"][power - 1]}`;
});

/** Seconds as 42s, 3m05s or 2h07m. */
export const duration = or((seconds) => {
  const [round, two] = [Math.round(seconds), (n) => String(n).padStart(2, "0")];
  if (round < 60) return `${round}s`;
  if (round < 3600) return `${Math.floor(round / 60)}m${two(round % 60)}s`;
  return `${Math.floor(round / 3600)}h${two(Math.floor(round / 60) % 60)}m`;
});

/** Colours of runs that can be told apart by all eyes, on light and on dark. */
export const colours = {
  light: ["#0b62b8", "#c2500a", "#0c7a55", "#a3327f", "#7a6300", "#5b4bc4", "#34748a", "#8c2f2f"],
  dark: ["#6cb2ff", "#ff9d57", "#4fd0a0", "#f08ccb", "#e3c64b", "#b0a5ff", "#7fd0e6", "#ff9c9c"],
};
