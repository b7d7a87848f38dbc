import { pythonWith, runPython } from "./python.ts";

const python = pythonWith("struct");
const reader = new URL("read_events.py", import.meta.url).pathname;

/** What TensorBoard would draw of a folder. */
export interface ReadEvents {
  versions: string[];
  series: Record<string, [step: number, value: number | null][]>;
}

/** Whether there is a Python that can read event files. */
export const canReadEvents = python !== undefined;

/** Reads event files by a program that shares nothing with what writes them. */
export function readEvents(folder: string): ReadEvents {
  return JSON.parse(runPython(python!, [reader, folder]));
}
