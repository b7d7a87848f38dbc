/**
 * `deno task fuzz CASES [SEED] [FIRST]`: as many cases as are wanted; a failure names its case, which `deno task fuzz 1 SEED CASE`
 * runs again.
 */
import { fuzz } from "./fuzz.ts";

const [cases = 1_000_000, seed = 1, first = 0] = Deno.args.map(Number);
const threads = cases === 1 ? 1 : navigator.hardwareConcurrency;
const started = performance.now();
/** Cases of new workers each: what one leaves behind is not the next one's. */
const ROUND = 20_000;
let [done, fine] = [0, 0];
while (done < cases) {
  const outcome = await fuzz({ seed, first: first + done, cases: Math.min(ROUND, cases - done), threads });
  done += outcome.cases;
  fine += outcome.fine;
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(
    `${done.toLocaleString("en")} cases of seed ${seed}, ${fine.toLocaleString("en")} of them read, ${seconds} s`,
  );
}
