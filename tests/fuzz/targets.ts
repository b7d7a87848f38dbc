import { modelTargets } from "./models.ts";
import { notationTargets } from "./notations.ts";
import { runTargets } from "./runs.ts";
import { textTargets } from "./texts.ts";
import type { Target } from "./fuzzer.ts";

/** Everything that reads what somebody else may have written. */
export const targets: readonly Target[] = [...modelTargets, ...textTargets, ...runTargets, ...notationTargets];
