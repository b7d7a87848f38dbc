/**
 * Ctrl-C while a classifier is trained and measured.
 *
 * @module
 */

import type { TextModel } from "../evaluate/text_model.ts";
import { removeUnfinished } from "../files/new_folder.ts";
import { KEPT_TRAINING } from "./classify_keeper.ts";
import { type Interrupt, listenForInterrupts } from "./interrupt.ts";
import type { Terminal } from "./terminal.ts";

/** Ctrl-C in training and measuring: once to keep what there is, twice to leave at once. */
export interface Stopper {
  /** Aborted by the first. */
  readonly signal: AbortSignal;
  /** From now on there is something to keep; before, an interrupt ends the program. */
  begin(): void;
  /** Listens no more. */
  end(): void;
}

/** Listens for interrupts on behalf of a training whose result goes to a folder; `leaving`: what is done last by who leaves at once. */
export function stopperOf(
  { model: { device } }: TextModel,
  { target, terminal, leaving }: { target: string; terminal: Terminal; leaving: () => void },
): Stopper {
  const controller = new AbortController();
  let interrupt: Interrupt | undefined;
  return {
    signal: controller.signal,
    begin() {
      interrupt = listenForInterrupts({
        stopping: () => {
          controller.abort();
          terminal.print("finishing the step and saving; again to stop at once");
        },
        leaving: () => {
          terminal.clear();
          removeUnfinished(target, { beside: KEPT_TRAINING });
          leaving();
        },
      });
      device.whileBusy = interrupt.whileBusy;
    },
    end() {
      interrupt?.remove();
      device.whileBusy = undefined;
    },
  };
}
