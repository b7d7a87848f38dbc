// Philox 4x32-10, the same numbers as kernels/philox.wgsl; results in four globals of the instance, one a thread.

export let draw0: u32 = 0;
export let draw1: u32 = 0;
export let draw2: u32 = 0;
export let draw3: u32 = 0;

export function philox(a: u32, b: u32, c: u32, d: u32, key0: u32, key1: u32): void {
  for (let round = 0; round < 10; round++) {
    const x: u64 = <u64>0xD2511F53 * <u64>a;
    const z: u64 = <u64>0xCD9E8D57 * <u64>c;
    a = <u32>(z >> 32) ^ b ^ key0;
    c = <u32>(x >> 32) ^ d ^ key1;
    b = <u32>z;
    d = <u32>x;
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  draw0 = a;
  draw1 = b;
  draw2 = c;
  draw3 = d;
}

/** Dropout's factors for four neighbouring elements; clock holds (seed, step, micro-step). See kernels/keep.wgsl. */
export function keep(clock: usize, block: u32, row: u32, stream: u32, threshold: u32, scale: f32): v128 {
  philox(block, row, load<u32>(clock, 4), load<u32>(clock, 8), load<u32>(clock), stream);
  return f32x4(
    draw0 >= threshold ? scale : 0,
    draw1 >= threshold ? scale : 0,
    draw2 >= threshold ? scale : 0,
    draw3 >= threshold ? scale : 0,
  );
}
