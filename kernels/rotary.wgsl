// Rotary positions (Su et al., RoFormer, 2021), in place on the queries and keys of qkv. Halves are paired, not
// neighbours: (x, y) = (head[i], head[i + half]) turns by angle[position, i]:
//   x' = x · cos - direction · y · sin,   y' = y · cos + direction · x · sin.
// direction = -1 turns back, which is the gradient: a rotation's inverse is its transpose.
struct Params {
  rows: u32,
  length: u32,
  width: u32,
  half_head: u32, // half of a head's width
  direction: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> angles: array<vec2f>; // [length, half_head] of (cos, sin)
@group(0) @binding(2) var<storage, read_write> qkv: array<f32>; // [rows, 3 · width]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  // width pairs a row: width / 2 of the queries, then width / 2 of the keys
  let i = flat_index(id, groups);
  if (i >= params.rows * params.width) {
    return;
  }
  let row = i / params.width;
  let pair = i % params.width;
  let offset = pair % params.half_head;
  let at = row * 3u * params.width + pair / params.half_head * 2u * params.half_head + offset;
  let angle = angles[row % params.length * params.half_head + offset];
  let x = qkv[at];
  let y = qkv[at + params.half_head];
  qkv[at] = x * angle.x - params.direction * y * angle.y;
  qkv[at + params.half_head] = y * angle.x + params.direction * x * angle.y;
}
