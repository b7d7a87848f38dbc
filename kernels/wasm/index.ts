// Every kernel of the CPU device: kernel(arguments in memory, first item, end).
export * from "./attention";
export * from "./batch_matmul";
export * from "./loss";
export { matmul, matmul_bias_gradient, matmul_blas, matmul_finish, matmul_pack } from "./matmul";
export { set_scratch } from "./memory";
export * from "./muon";
export * from "./norm";
export * from "./pointwise";
export * from "./pooling";
export * from "./rows";
export { exp4, erf4, gelu4, gelu_derivative4 } from "./probe";
