// Preloaded to see what becomes of a run when its GPU fails: CLOZE_TEST_GPU says how, at which submission of a device, and how often;
// with `after`, submissions count once there is a checkpoint in some run.
const { how, at, times, after } = JSON.parse(Deno.env.get("CLOZE_TEST_GPU") ?? "{}") as {
  how: "destroy" | "memory" | "validation" | "hang" | "adapter";
  at: number;
  times: number;
  after?: "checkpoint";
};
let left = times;

/** Whether a run here has a checkpoint. */
function hasCheckpoint(): boolean {
  try {
    const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name);
    return names("runs").some((run) => names(`runs/${run}/checkpoints`).some((name) => name.startsWith("step-")));
  } catch {
    return false;
  }
}
let isCounting = after === undefined;

const requestAdapter = navigator.gpu.requestAdapter;
navigator.gpu.requestAdapter = function (...args) {
  if (how === "adapter" && left-- > 0) return new Promise(() => {});
  return requestAdapter.apply(this, args);
};

// an hour's patience is over at once
const later = globalThis.setTimeout;
globalThis.setTimeout =
  ((act: () => void, delay: number) => later(act, delay >= 60_000 ? 200 : delay)) as typeof setTimeout;

let hangs = false;
const mapAsync = GPUBuffer.prototype.mapAsync;
GPUBuffer.prototype.mapAsync = function (...args) {
  if (!hangs) return mapAsync.apply(this, args);
  hangs = false;
  return new Promise(() => {});
};

const requestDevice = GPUAdapter.prototype.requestDevice;
GPUAdapter.prototype.requestDevice = async function (...args) {
  const gpu = await requestDevice.apply(this, args);
  const { queue } = gpu;
  const submit = queue.submit;
  let submits = 0;
  queue.submit = function (buffers) {
    // Mesa's software driver falls over a device that is destroyed while it works: then it is gone before the submission
    isCounting ||= hasCheckpoint();
    const isDue = isCounting && ++submits === at && left-- > 0;
    if (how === "destroy" && isDue) gpu.destroy();
    submit.call(this, buffers);
    if (!isDue) return;
    // larger than any buffer may be, or than there is memory for
    if (how === "validation") gpu.createBuffer({ size: 2 ** 52, usage: GPUBufferUsage.STORAGE });
    if (how === "memory") {
      gpu.dispatchEvent(
        new GPUUncapturedErrorEvent("uncapturederror", { error: new GPUOutOfMemoryError("no memory") }),
      );
    }
    if (how === "hang") hangs = true;
  };
  return gpu;
};
