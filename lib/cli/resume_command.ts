/**
 * How a run is gone on with.
 *
 * @module
 */

import { program } from "./program.ts";
import { shellWord } from "./shell_word.ts";

/** The command that goes on with a run. */
export const resumeCommand = (path: string): string => `${program} train --resume ${shellWord(path)}`;
