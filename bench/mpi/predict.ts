/**
 * What sums over a network cost, by a model of a few numbers that bench/mpi/sum.ts and step.ts measure:
 *
 *   sum = messages · latency + 2 · (n-1) / n · parameters · bytes / bandwidth + parameters · host
 *   step = tokens / speed + sum / N
 *
 * with three messages of ⌈log₂ n⌉ hops for each bucket of 2²¹ numbers and three more for a step; N steps between sums. Of a sum
 * is hidden what travels while the last batch of a step runs backward, which takes two thirds of its time; the gradients of the
 * embeddings are there only at its end.
 *
 * deno run bench/mpi/predict.ts [PARAMETERS] [TOKENS A SECOND OF A MACHINE] [TOKENS OF ITS SHARE OF A STEP] [TOKENS OF A BATCH] [SHARE OF THE EMBEDDINGS]
 *
 * @module
 */

/** A network between machines. */
interface Link {
  readonly name: string;
  /** Bytes a second. */
  readonly bandwidth: number;
  /** Seconds of a message. */
  readonly latency: number;
}

const links: readonly Link[] = [
  { name: "1 Gbit/s, 1 ms", bandwidth: 1e9 / 8, latency: 1e-3 },
  { name: "10 Gbit/s, 0.1 ms", bandwidth: 1e10 / 8, latency: 1e-4 },
  { name: "100 Gbit/s, 0.01 ms", bandwidth: 1e11 / 8, latency: 1e-5 },
];

/** Bytes of a number on the wire, and seconds that the host takes to send, add and receive one. */
const formats = { f32: { bytes: 4, host: 7e-9 }, bf16: { bytes: 2, host: 10e-9 } } as const;

/** Numbers that go over the wire at once: lib/train/rank_steps.ts. */
const BUCKET = 1 << 21;

/** Share of a batch's time in which its gradients are computed. */
const BACKWARD = 2 / 3;

/** Seconds of a sum over so many machines. */
export function sumSeconds(
  machines: number,
  { parameters, link, format }: { parameters: number; link: Link; format: keyof typeof formats },
): number {
  const { bytes, host } = formats[format];
  const messages = 3 * (Math.ceil(parameters / BUCKET) + 1) * Math.ceil(Math.log2(machines));
  const moved = 2 * (machines - 1) / machines * parameters * bytes;
  return messages * link.latency + moved / link.bandwidth + parameters * host;
}

/**
 * Seconds of a sum that pass while gradients are still computed.
 *
 * @param options `batch`: seconds of a batch; `late`: share of the gradients that are there only at its end.
 */
export function hiddenSeconds(sum: number, { batch, late }: { batch: number; late: number }): number {
  return Math.min((1 - late) * sum, BACKWARD * batch);
}

/** The share of its time that a machine computes, with a sum every so many steps. */
export const efficiency = (step: number, sum: number, every = 1): number => step / (step + sum / every);

/** Share from which on a network is no hindrance. */
const ENOUGH = 0.9;

if (import.meta.main) {
  const [parameters = 149e6, speed = 24_941, tokens = 65_536, batchTokens = 4096, late = 0.26] = Deno.args.map(Number);
  const step = tokens / speed;
  const whole = (value: number) => `${Math.round(100 * value)} %`;
  /** The share of a machine, where a step is made of batches of so many tokens. */
  const share = (sum: number, batchTokens: number) =>
    whole(efficiency(step, sum - hiddenSeconds(sum, { batch: batchTokens / speed, late })));
  console.log("| link | machines | a sum | at the end | share | with bf16 | in one batch | steps between sums |");
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const link of links) {
    for (const machines of [8, 64, 512]) {
      const [sum, half] = (["f32", "bf16"] as const).map((format) =>
        sumSeconds(machines, { parameters, link, format })
      ) as [number, number];
      // weights and both moments travel in f32 then, and nothing is computed meanwhile
      const every = Math.ceil(3 * sum * ENOUGH / (1 - ENOUGH) / step);
      const shares = [
        whole(efficiency(step, sum)),
        share(sum, batchTokens),
        share(half, batchTokens),
        share(sum, tokens),
      ];
      console.log(`| ${[link.name, machines, `${sum.toFixed(1)} s`, ...shares, every].join(" | ")} |`);
    }
  }
}
