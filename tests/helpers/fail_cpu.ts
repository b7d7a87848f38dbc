// Preloaded to see what becomes of a run when a thread of the CPU device dies: CLOZE_TEST_CPU says in which step, and how often.
import { CpuDevice } from "../../lib/device/cpu/cpu_device.ts";
import { KernelError } from "../../lib/device/device.ts";

const { at, section, times } = JSON.parse(Deno.env.get("CLOZE_TEST_CPU") ?? "{}");
let left = times;

const build = CpuDevice.prototype.build;
CpuDevice.prototype.build = async function (recording) {
  const program = await build.call(this, recording);
  let steps = 0;
  const run = (...sections: string[]) => {
    const updates = sections.includes("update") || sections.includes("momentum");
    if (updates && ++steps === at && left-- > 0) throw new KernelError("a thread is gone", section);
    program.run(...sections);
  };
  return { ...program, run };
};
