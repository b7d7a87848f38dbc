// Started by runMains(): calls main() for each list of arguments in CLOZE_TEST_MAINS, and parts what they print.
import { main } from "../../cli.ts";

const separate = new TextEncoder().encode("\0");
const codes: number[] = [];
for (const args of JSON.parse(Deno.env.get("CLOZE_TEST_MAINS")!) as string[][]) {
  codes.push(await main(args));
  Deno.stdout.writeSync(separate);
  Deno.stderr.writeSync(separate);
}
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(codes)));
