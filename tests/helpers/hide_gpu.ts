// Preloaded to see what happens on a machine without any adapter.
Object.defineProperty(navigator, "gpu", { value: { requestAdapter: () => Promise.resolve(null) } });
