/**
 * What comes after a product and works on each of its elements, or pairs of them, done by the product before it writes them:
 * a gate, rotary positions, and the gradients of a gate and of an activation. A norm's gradient does an activation's as well.
 *
 * @module
 */

import type { KernelCall, Tensor } from "../../tensor/tensor.ts";

/** A product, or the gradient of a norm, that does what a later call did. */
type Fused = KernelCall | undefined;

/** Kernels that a product may do the work of: what the tensor that the product made is to them, and the product then. */
const fusions: Readonly<Record<string, { of: string; fuse: (product: KernelCall, next: KernelCall) => Fused }>> = {
  activation_backward: { of: "d_y", fuse: activationGradient },
  geglu: { of: "u", fuse: gate },
  geglu_backward: { of: "d_y", fuse: gateGradient },
  rotary: { of: "qkv", fuse: turn },
};

/** Fuses products with what comes next, where nothing else works on what they made in between. */
export function fuseProducts(calls: readonly KernelCall[]): readonly KernelCall[] {
  const users = new Map<Tensor, number[]>();
  for (const [at, { tensors }] of calls.entries()) {
    for (const tensor of new Set(Object.values(tensors))) users.set(tensor, [...users.get(tensor) ?? [], at]);
  }
  const result: Fused[] = [...calls];
  for (const [at, call] of calls.entries()) {
    const output = outputOf(call);
    if (!output || output.storage) continue;
    const made = users.get(output)!;
    const next = made[made.indexOf(at) + 1];
    const consumer = next === undefined ? undefined : calls[next]!;
    const fusion = consumer && fusions[consumer.kernel];
    if (made[0] !== at || !fusion || consumer.tensors[fusion.of] !== output) continue;
    // what the later call works on would be worked on earlier
    const others = new Set(Object.values(consumer.tensors));
    if (calls.slice(at + 1, next).some(({ tensors }) => Object.values(tensors).some((other) => others.has(other)))) {
      continue;
    }
    // the gradient of a gate is all that becomes of the product
    if (consumer.kernel === "geglu_backward" && made.length > 2) continue;
    const fused = fusion.fuse(call, consumer);
    if (!fused) continue;
    result[at] = fused;
    result[next!] = undefined;
  }
  return result.filter((call) => call !== undefined);
}

/** What a call overwrites, if it may do more with it: a whole product with nothing but perhaps a bias, or a norm's gradient. */
function outputOf({ kernel, tensors, constants }: KernelCall): Tensor | undefined {
  const { ACTIVATION, RESIDUAL, KEEP_INPUT, ACCUMULATE, BIAS_GRADIENT } = constants;
  if (ACTIVATION || RESIDUAL || KEEP_INPUT || ACCUMULATE || BIAS_GRADIENT) return undefined;
  if (kernel === "layer_norm_backward") return tensors.d_x;
  return isProduct(kernel) ? tensors.c : undefined;
}

/** Whether a kernel is a product that may do more: in software, which takes the direct one, compiling that costs more than it saves. */
function isProduct(kernel: string): boolean {
  return kernel === "matmul_tiled";
}

function activationGradient(product: KernelCall, { tensors, constants }: KernelCall): Fused {
  const { ACTIVATION } = constants;
  if (!isProduct(product.kernel)) {
    return {
      ...product,
      tensors: { ...product.tensors, activation_input: tensors.x! },
      constants: { ...product.constants, ACTIVATION: ACTIVATION! },
    };
  }
  if (product.constants.BIAS) return undefined;
  return {
    ...product,
    tensors: { ...product.tensors, residual: tensors.x! },
    constants: { ...product.constants, ACTIVATION: ACTIVATION!, GRADIENT_OF: 1 },
  };
}

function gateGradient(product: KernelCall, { tensors, params, constants }: KernelCall): Fused {
  if (!isProduct(product.kernel) || product.constants.BIAS || product.params.n !== 4 * params.hidden4!) {
    return undefined;
  }
  return {
    ...product,
    tensors: { ...product.tensors, residual: tensors.u!, c: tensors.d_u! },
    constants: { ...product.constants, ACTIVATION: constants.ACTIVATION!, GRADIENT_OF: 2 },
  };
}

function gate(product: KernelCall, { tensors, params, constants }: KernelCall): Fused {
  const pair = 4 * params.hidden4!;
  return paired(product, { kind: 1, pair, tensors: { activation_input: tensors.y! } }, constants);
}

function turn(product: KernelCall, { tensors, params }: KernelCall): Fused {
  const { half_head: pair = 0, length: period = 0, width = 0, direction } = params;
  if (direction !== 1 || pair % 4 !== 0 || product.params.n !== 3 * width) return undefined;
  return paired(product, { kind: 2, pair, period, tensors: { residual: tensors.angles! } });
}

/** A product in tiles whose invocations hold both columns of each pair. */
function paired(
  product: KernelCall,
  { kind, pair, period = 0, tensors }: { kind: number; pair: number; period?: number; tensors: KernelCall["tensors"] },
  constants: KernelCall["constants"] = {},
): Fused {
  const { TRANSPOSE_A, TRANSPOSE_B } = product.constants;
  if (!isProduct(product.kernel) || TRANSPOSE_A || !TRANSPOSE_B) return undefined;
  return {
    ...product,
    tensors: { ...product.tensors, ...tensors },
    params: { ...product.params, pair, period },
    constants: { ...product.constants, ...constants, PAIRED: kind, COLUMNS: 2 },
  };
}
