// y[row] = scale · token[ids[row]] + position[row mod length] + segment[0]
// One invocation makes four neighbouring floats.
override POSITION: bool = false;
override SEGMENT: bool = false;

struct Params {
  rows: u32,
  width: u32, // in vec4
  length: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>; // [rows]
@group(0) @binding(2) var<storage, read> token: array<vec4f>; // [vocab, width]
@group(0) @binding(3) var<storage, read> position: array<vec4f>; // [>= length, width]
@group(0) @binding(4) var<storage, read> segment: array<vec4f>; // [segments, width]
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>; // [rows, width]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.rows * params.width) {
    return;
  }
  let row = i / params.width;
  let column = i % params.width;
  var value = params.scale * token[ids[row] * params.width + column];
  if (POSITION) {
    value += position[row % params.length * params.width + column];
  }
  if (SEGMENT) {
    value += segment[column];
  }
  y[i] = value;
}
