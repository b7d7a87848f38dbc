/**
 * What sums over a network cost, by a model of a few numbers that bench/mpi/sum.ts and step.ts measure:
 *
 *   sum = messages · latency + 2 · (n-1) / n · parameters · bytes / bandwidth + parameters · host
 *   step = tokens / speed + sum / N
 *
 * with three messages of ⌈log₂ n⌉ hops for each chunk of 2²¹ numbers and three more for a step; N steps between sums.
 *
 * deno run bench/mpi/predict.ts [PARAMETERS] [TOKENS A SECOND OF A MACHINE] [TOKENS OF ITS SHARE OF A STEP]
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

/** Numbers that go over the wire at once: lib/mpi/tile_sum.ts. */
const CHUNK = 1 << 21;

/** Seconds of a sum over so many machines. */
export function sumSeconds(
  machines: number,
  { parameters, link, format }: { parameters: number; link: Link; format: keyof typeof formats },
): number {
  const { bytes, host } = formats[format];
  const messages = 3 * (Math.ceil(parameters / CHUNK) + 1) * Math.ceil(Math.log2(machines));
  const moved = 2 * (machines - 1) / machines * parameters * bytes;
  return messages * link.latency + moved / link.bandwidth + parameters * host;
}

/** The share of its time that a machine computes, with a sum every so many steps. */
export const efficiency = (step: number, sum: number, every = 1): number => step / (step + sum / every);

/** Share from which on a network is no hindrance. */
const ENOUGH = 0.9;

if (import.meta.main) {
  const [parameters = 149e6, speed = 24_941, tokens = 4096] = Deno.args.map(Number);
  const step = tokens / speed;
  const whole = (value: number) => `${Math.round(100 * value)} %`;
  console.log(`| link | machines | sum, f32 | efficiency | with bf16 | steps between sums for ${whole(ENOUGH)} |`);
  console.log("| --- | --- | --- | --- | --- | --- |");
  for (const link of links) {
    for (const machines of [8, 64, 512]) {
      const [sum, half] = (["f32", "bf16"] as const).map((format) =>
        sumSeconds(machines, { parameters, link, format })
      ) as [
        number,
        number,
      ];
      // weights and both moments travel in f32 then
      const every = Math.ceil(3 * sum * ENOUGH / (1 - ENOUGH) / step);
      const cells = [
        link.name,
        machines,
        `${sum.toFixed(1)} s`,
        whole(efficiency(step, sum)),
        whole(efficiency(step, half)),
        every,
      ];
      console.log(`| ${cells.join(" | ")} |`);
    }
  }
}
