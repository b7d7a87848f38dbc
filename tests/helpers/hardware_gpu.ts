// Preloaded to see what becomes of runs on a graphics card where there is none: software that says it is none.
Object.defineProperty(GPUAdapterInfo.prototype, "isFallbackAdapter", { get: () => false });
