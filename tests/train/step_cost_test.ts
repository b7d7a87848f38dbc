import { assertAlmostEquals } from "@std/assert";
import { capacityFor } from "../../lib/batch/masking.ts";
import { workOf } from "../../lib/device/profile.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { recordedStep } from "../../lib/model/recorded_step.ts";
import { tokenFlop } from "../../lib/train/step_cost.ts";
import { cpuTest } from "../helpers/devices.ts";

const optimizer = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };

for (const size of ["tiny", "small", "base"] as const) {
  for (const maskRate of [0.15, 0.5]) {
    cpuTest(`tokenFlop() is what a step of ${size} is made of, ${100 * maskRate} % masked`, async (device) => {
      const [windows, length] = [8, 128];
      const config = modelConfig({ size, vocab: 70, maxLength: length });
      const shape = { windows, length, capacity: capacityFor({ windows, length, rate: maskRate }) };
      const { kernels } = await recordedStep(device, config, { shape, optimizer });
      const counted = kernels.reduce((sum, call) => sum + workOf(call).flop, 0) / (windows * length);
      // what is no product is left out, of which narrow models have more
      assertAlmostEquals(tokenFlop(config, { length, maskRate }) / counted, 1, 0.06);
    });
  }
}
