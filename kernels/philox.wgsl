// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): 128 random bits that are a pure
// function of a counter and a key, so that a mask drawn in the forward pass is drawn again, not stored, in the backward.

// The 64-bit product of two 32-bit numbers as (high, low), from 16-bit halves: WGSL has no wide multiply.
fn multiply_wide(a: u32, b: u32) -> vec2u {
  let a_low = a & 0xffffu;
  let a_high = a >> 16u;
  let b_low = b & 0xffffu;
  let b_high = b >> 16u;
  let low = a_low * b_low;
  let middle = a_high * b_low + (low >> 16u);
  let carry = a_low * b_high + (middle & 0xffffu);
  return vec2u(a_high * b_high + (middle >> 16u) + (carry >> 16u), a * b);
}

fn philox(counter: vec4u, key: vec2u) -> vec4u {
  var c = counter;
  var k = key;
  for (var round = 0u; round < 10u; round++) {
    let x = multiply_wide(0xD2511F53u, c.x);
    let z = multiply_wide(0xCD9E8D57u, c.z);
    c = vec4u(z.x ^ c.y ^ k.x, z.y, x.x ^ c.w ^ k.y, x.y);
    k += vec2u(0x9E3779B9u, 0xBB67AE85u);
  }
  return c;
}
