import { assertAlmostEquals, assertEquals } from "@std/assert";
import { afterLoss, afterSkip, type LossTrend, NO_TREND } from "../../lib/train/loss_trend.ts";
import { random } from "../helpers/random.ts";

/** The steps at which a spike is told, in the course of some losses. */
function spikesOf(
  losses: readonly number[],
  { length = (_: number): number => 128 } = {},
): { spikes: number[]; trend: LossTrend } {
  let trend = NO_TREND;
  const spikes = losses.flatMap((loss, i) => {
    const after = afterLoss(trend, { loss, length: length(i) });
    ({ trend } = after);
    return after.usual === undefined ? [] : [i];
  });
  return { spikes, trend };
}

/** Losses as they are: falling, with noise. */
function falling(steps: number, { seed = 1, noise = 0.15 } = {}): number[] {
  const next = random(seed);
  const normal = () => Math.sqrt(-2 * Math.log(next() || 1e-9)) * Math.cos(2 * Math.PI * next());
  return Array.from({ length: steps }, (_, i) => 2 + 6 * Math.exp(-i / 100) + noise * normal());
}

Deno.test("afterLoss() tells of no spike where losses fall and are noisy", () => {
  for (let seed = 1; seed <= 20; seed++) {
    for (const noise of [0.01, 0.15, 0.5]) assertEquals(spikesOf(falling(2000, { seed, noise })).spikes, []);
  }
});

Deno.test("afterLoss() tells of a spike once, however long it lasts, and of the next one", () => {
  const losses = falling(2000);
  for (let i = 700; i < 730; i++) losses[i]! += 3;
  for (let i = 1500; i < 1503; i++) losses[i]! += 5;
  assertEquals(spikesOf(losses).spikes, [700, 1500]);
  // losses that stay up become the usual ones
  const stays = falling(2000).map((loss, i) => i < 700 ? loss : loss + 3);
  assertEquals(spikesOf(stays).spikes, [700]);
});

Deno.test("afterLoss() begins anew where windows have another length", () => {
  const losses = falling(1200).map((loss, i) => i < 600 ? loss : loss + 2);
  assertEquals(spikesOf(losses).spikes, [600]);
  assertEquals(spikesOf(losses, { length: (i) => i < 600 ? 32 : 128 }).spikes, []);
});

Deno.test("afterLoss() and afterSkip() keep mean, variance and counts", () => {
  const { trend } = spikesOf([1, 2, 3, 4]);
  // the first ones are averaged plainly
  assertAlmostEquals(trend.mean, 2.5);
  assertAlmostEquals(trend.variance, 1.25);
  const skipped = afterSkip(afterSkip(trend));
  assertEquals([skipped.skipped, skipped.inARow, skipped.mean], [2, 2, trend.mean]);
  assertEquals(afterLoss(skipped, { loss: 2, length: 128 }).trend.inARow, 0);
});
