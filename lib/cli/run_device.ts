/**
 * The device of a run: a resumed one goes on where it began, for another device gives other last digits.
 *
 * @module
 */

import type { DeviceSettings } from "../device/device.ts";
import { type DeviceChoice, openDevice, type OpenDeviceOptions, type OpenedDevice } from "../device/open_device.ts";
import { definedOnly, type ParsedFlags } from "./flags.ts";
import type { RunDevice } from "./run_folder.ts";
import { DEFAULT_BLAS } from "./train_defaults.ts";
import { trainFlags as flags } from "./train_flags.ts";

/** Flags by which another device is asked for. */
export const deviceFlags = ["device", "blas", "threads"] as const;

/**
 * Opens the device that the flags ask for; where they ask for none, the one that a resumed run went on before.
 *
 * @param before Device of the run so far; undefined for a new one.
 * @throws {RangeError} if that device cannot be had here, or is another one now.
 */
export async function openRunDevice(
  { path, before }: { path: string; before: RunDevice | undefined },
  parsed: ParsedFlags,
): Promise<OpenedDevice> {
  const asked = {
    threads: parsed.get(flags.threads),
    blas: parsed.get(flags.blas),
    profile: parsed.get(flags.profile),
  };
  const kind = parsed.get(flags.device);
  if (!before) return await openDevice(kind, { ...asked, blas: asked.blas ?? DEFAULT_BLAS });
  const isAsked = deviceFlags.some((name) => parsed.given.includes(name));
  const old = before.settings;
  const fail = (what: string) =>
    new RangeError(
      `Cannot go on with "${path}" on the device that it began on, ${before.description}: ${what}; ` +
        `another one, with other last digits, is asked for by ${adviceFor(old)}`,
    );
  const opened = await openDevice(kind ?? old.kind, { ...sameAs(old, kind), ...definedOnly(asked) })
    .catch((error: Error) => {
      throw isAsked ? error : fail(error.message.replace(/^Cannot /, "cannot "));
    });
  const { device } = opened;
  if (sameSettings(old, device.settings)) return opened;
  if (!isAsked) {
    device.destroy();
    throw fail(`here it is ${device.description}`);
  }
  const notice = `this run went on ${before.description} so far; losses will differ in their last digits`;
  return { ...opened, notice: opened.notice === undefined ? notice : `${opened.notice}; ${notice}` };
}

/** Options that open the device of these settings again. */
function sameAs(old: DeviceSettings, kind: DeviceChoice | undefined): Pick<OpenDeviceOptions, "threads" | "blas"> {
  if (old.kind === "webgpu" || (kind ?? "cpu") !== "cpu") return { blas: DEFAULT_BLAS };
  return { blas: old.blas, threads: old.threads };
}

/** Whether two devices give the same results, as far as both tell. */
export function sameSettings(a: DeviceSettings, b: DeviceSettings): boolean {
  // a table of products that is not there is an empty one, which tells something
  const told = (settings: DeviceSettings) =>
    new Map(Object.entries(settings.kind === "webgpu" ? { products: {}, ...settings } : settings));
  const [one, other] = [told(a), told(b)];
  return [...one].every(([name, value]) => !other.has(name) || spelled(other.get(name)) === spelled(value));
}

/** A value as JSON, the keys of a table in order. */
function spelled(value: unknown): string {
  const isTable = typeof value === "object" && value !== null;
  return JSON.stringify(isTable ? Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1) : value);
}

function adviceFor(old: DeviceSettings): string {
  if (old.kind === "webgpu") return "--device webgpu or --device cpu";
  return old.blas === "off" ? "--device cpu or --device webgpu" : "--blas auto, --blas off or --device webgpu";
}
