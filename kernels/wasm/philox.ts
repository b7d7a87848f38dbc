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

/** Factors of four blocks of {@linkcode keep_four}, one after the other. */
export let factors0: v128 = f32x4.splat(0);
export let factors1: v128 = f32x4.splat(0);
export let factors2: v128 = f32x4.splat(0);
export let factors3: v128 = f32x4.splat(0);

/** The same as {@linkcode keep} for blocks block ... block + 3 at once, twice as quick; results in four globals. */
export function keep_four(clock: usize, block: u32, row: u32, stream: u32, threshold: u32, scale: f32): void {
  let a = i32x4.add(i32x4.splat(block), i32x4(0, 1, 2, 3));
  let b = i32x4.splat(row);
  let c = v128.load32_splat(clock, 4);
  let d = v128.load32_splat(clock, 8);
  let key0 = v128.load32_splat(clock);
  let key1 = i32x4.splat(stream);
  const multiplier0 = i32x4.splat(0xD2511F53), multiplier1 = i32x4.splat(0xCD9E8D57);
  const weyl0 = i32x4.splat(0x9E3779B9), weyl1 = i32x4.splat(0xBB67AE85);
  for (let round = 0; round < 10; round++) {
    const x_low = i64x2.extmul_low_i32x4_u(a, multiplier0), x_high = i64x2.extmul_high_i32x4_u(a, multiplier0);
    const z_low = i64x2.extmul_low_i32x4_u(c, multiplier1), z_high = i64x2.extmul_high_i32x4_u(c, multiplier1);
    a = v128.xor(v128.xor(v128.shuffle<i32>(z_low, z_high, 1, 3, 5, 7), b), key0);
    c = v128.xor(v128.xor(v128.shuffle<i32>(x_low, x_high, 1, 3, 5, 7), d), key1);
    b = v128.shuffle<i32>(z_low, z_high, 0, 2, 4, 6);
    d = v128.shuffle<i32>(x_low, x_high, 0, 2, 4, 6);
    key0 = i32x4.add(key0, weyl0);
    key1 = i32x4.add(key1, weyl1);
  }
  const least = i32x4.splat(threshold), factor = f32x4.splat(scale);
  a = v128.and(i32x4.ge_u(a, least), factor), b = v128.and(i32x4.ge_u(b, least), factor);
  c = v128.and(i32x4.ge_u(c, least), factor), d = v128.and(i32x4.ge_u(d, least), factor);
  // lanes are blocks so far
  const low01 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), high01 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const low23 = v128.shuffle<f32>(c, d, 0, 4, 1, 5), high23 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  factors0 = v128.shuffle<f64>(low01, low23, 0, 2);
  factors1 = v128.shuffle<f64>(low01, low23, 1, 3);
  factors2 = v128.shuffle<f64>(high01, high23, 0, 2);
  factors3 = v128.shuffle<f64>(high01, high23, 1, 3);
}
