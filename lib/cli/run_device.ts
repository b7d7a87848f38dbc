/**
 * The device of a run: a resumed one goes on where it began, for another device gives other last digits.
 *
 * @module
 */

import type { CpuSettings, Device, DeviceSettings } from "../device/device.ts";
import type { Precision } from "../tensor/tensor.ts";
import { type DeviceChoice, openDevice, type OpenDeviceOptions, type OpenedDevice } from "../device/open_device.ts";
import { definedOnly, type ParsedFlags, UsageError } from "./flags.ts";
import type { RankTeam } from "./rank_team.ts";
import type { RunDevice } from "./run_folder.ts";
import { TraceLog } from "../device/trace.ts";
import type { ProductTable } from "../device/webgpu/choices.ts";
import { DEFAULT_BLAS, DEFAULT_TUNE } from "./train_defaults.ts";
import { trainFlags as flags } from "./train_flags.ts";
import { tuneOptions } from "./tuned_products.ts";

/** Flags by which another device is asked for. */
export const deviceFlags = ["device", "blas", "threads", "precision", "tune"] as const;

/**
 * Opens the device that the flags ask for; where they ask for none, the one that a resumed run went on before.
 *
 * @param isRecovered Whether this process ran on that device, and opens it anew.
 * @param before Device of the run so far; undefined for a new one. Its choices stay, whatever was remembered since.
 * @throws {RangeError} if that device cannot be had here, or is another one now.
 */
export async function openRunDevice(
  { path, before, isRecovered, team }: {
    path: string;
    before: RunDevice | undefined;
    isRecovered?: boolean;
    team?: Pick<RankTeam, "threads"> | undefined;
  },
  parsed: ParsedFlags,
  tell: (line: string) => void,
): Promise<OpenedDevice> {
  // what this process chose when it began, it does not choose anew
  const mode = isRecovered ? undefined : parsed.get(flags.tune);
  const asked = {
    // where threads decide the last digits, they stay as many as they were
    threads: parsed.get(flags.threads) ?? (isBound(before) ? undefined : team?.threads),
    blas: parsed.get(flags.blas),
    precision: parsed.get(flags.precision),
    profile: parsed.get(flags.profile),
    trace: parsed.get(flags.trace) === undefined ? undefined : new TraceLog(),
    // each rank would choose by its own times
    tune: tuneOptions(mode ?? (before || team ? "off" : DEFAULT_TUNE), tell),
  };
  const kind = parsed.get(flags.device);
  if (mode === "force" && (kind ?? before?.settings.kind) === "cpu") {
    throw new UsageError(`Option ${untuned}: --device webgpu has kernels to choose from`);
  }
  const notes = ({ device, notice }: OpenedDevice) => {
    const isUntuned = mode === "force" && device.kind === "cpu";
    const isUncalled = (asked.blas ?? "off") !== "off" && device.kind === "webgpu";
    const useless = [...isUntuned ? [untuned] : [], ...isUncalled ? ["--blas has no effect on a GPU"] : []];
    return [notice, ...useless.map((what) => `option ${what}`)].filter((one) => one);
  };
  if (!before) {
    const opened = await openDevice(kind, { ...asked, blas: asked.blas ?? DEFAULT_BLAS });
    return { ...opened, notice: notes(opened).join("; ") || undefined };
  }
  const isAsked = deviceFlags.some((name) => parsed.given.includes(name));
  const old = before.settings;
  const fail = (what: string) =>
    new RangeError(
      `Cannot go on with "${path}" on the device that it began on, ${before.description}: ${what}; ` +
        `another one, with other last digits, is asked for by ${adviceFor(old)}`,
    );
  const same = sameAs(old, kind);
  const products = mode === undefined || mode === "on" ? same.products : {};
  const opened = await openDevice(kind ?? old.kind, { ...same, products, ...definedOnly(asked) })
    .catch((error: Error) => {
      throw isAsked ? error : fail(error.message.replace(/^Cannot /, "cannot "));
    });
  const { device } = opened;
  if (sameSettings(old, device.settings) && !device.tune) return opened;
  if (!isAsked) {
    device.destroy();
    throw fail(`here it is ${device.description}`);
  }
  return { ...opened, notice: [...notes(opened), `this run ${wasOtherwise(before, device)}`].join("; ") };
}

/** What is said of choices that the CPU does not have. */
const untuned = "--tune force has no effect on the CPU";

/** What a run did so far and will not go on with. */
function wasOtherwise({ description, settings }: RunDevice, device: Device): string {
  const old = precisionOf(settings);
  if (old !== precisionOf(device.settings)) {
    return `stored its activations in ${old} so far; losses will differ a little`;
  }
  const what = device.tune ? "made its products in other ways" : `went on ${description}`;
  return `${what} so far; losses will differ in their last digits`;
}

const precisionOf = (settings: DeviceSettings): Precision =>
  settings.kind === "webgpu" ? settings.precision ?? "f32" : "f32";

/** Whether a device's threads decide its results. */
function isBound(before: RunDevice | undefined): boolean {
  return before?.settings.kind === "cpu" && before.settings.threads !== undefined;
}

/** Options that open the device of these settings again. */
function sameAs(
  old: DeviceSettings,
  kind: DeviceChoice | undefined,
): Pick<OpenDeviceOptions, "threads" | "blas" | "blasCaller" | "precision" | "products"> {
  if (old.kind === "webgpu") {
    const products = old.products as ProductTable | undefined;
    return { blas: DEFAULT_BLAS, precision: precisionOf(old), products };
  }
  if ((kind ?? "cpu") !== "cpu") return { blas: DEFAULT_BLAS };
  return { blas: old.blas, blasCaller: blasCallerOf(old), threads: old.threads };
}

/** Whether two devices give the same results, as far as both tell. */
export function sameSettings(a: DeviceSettings, b: DeviceSettings): boolean {
  // a table of products that is not there is an empty one, a precision f32, and the caller of a BLAS the host: that tells something
  const told = (settings: DeviceSettings) => {
    const known = settings.kind === "webgpu" ? { products: {} } : { blasCaller: blasCallerOf(settings) };
    return new Map(Object.entries({ ...known, ...settings, precision: precisionOf(settings) }));
  };
  const [one, other] = [told(a), told(b)];
  return [...one].every(([name, value]) => !other.has(name) || spelled(other.get(name)) === spelled(value));
}

/** A value as JSON, the keys of a table in order. */
function spelled(value: unknown): string {
  const isTable = typeof value === "object" && value !== null;
  return JSON.stringify(isTable ? Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1) : value);
}

const blasCallerOf = ({ blas, blasCaller }: CpuSettings) => blas === "off" ? undefined : blasCaller ?? "host";

function adviceFor(old: DeviceSettings): string {
  if (precisionOf(old) === "f16") return "--device webgpu, or --precision f32 and --device webgpu or --device cpu";
  if (old.kind === "webgpu") return "--device webgpu or --device cpu";
  return old.blas === "off" ? "--device cpu or --device webgpu" : "--blas auto, --blas off or --device webgpu";
}
