/**
 * Kills the program as if the power had failed, just after a training of a classifier was kept; a step takes as long as a minute
 * for it.
 *
 * @module
 */

const [now, rename] = [performance.now.bind(performance), Deno.rename];
performance.now = () => now() * 1e6;

Deno.rename = async (from, to) => {
  await rename(from, to);
  if (/\.training.step-\d+$/.test(String(to))) Deno.kill(Deno.pid, "SIGKILL");
};
